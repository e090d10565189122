import test from 'ava';
import type { CellResult, Results } from '../../run/results.ts';
import { githubOf } from '../engines/github.ts';
import { lavaOf } from '../engines/lava.ts';
import { htmlOf, junitOf, kcidbOf, markdownOf, PrettyReport, runDocument, tapOf, textOf } from '../index.ts';
import { pagesOf } from '../testing/pages.ts';
import { cellOf, resultsWith } from '../testing/results.ts';

const qemu = '/cache/roots/qemu-built-1/qemu-system-aarch64';
const id = `pmu/a[biglittle,${qemu},virt]`;
const log = ['<0>[   25.73] watchdog: BUG: soft lockup', '<4>[   25.76] Modules linked in:', '<4>[   25.77] CPU: 0'];
const seen = ['it reports a soft lockup: watchdog: BUG: soft lockup', ...log.slice(1)].join(' | ');

/** A failure as a guest's kernel caused it: the reason quotes its log, and a demand of the case is not met either. */
const failure: CellResult = cellOf('fail', {
	...{ id, blame: 'guest', reason: `guest-kernel: expected no trouble, but ${seen}; cycles do not count on CPU 1` },
	qemu: { version: '10.0.13', path: qemu, hasPmuChoice: false },
	predicted: {
		...{ backend: 'event-source', type: 10, name: 'armv8_pmuv3', rule: 'covers-all' },
		because: ['armv8_pmuv3 covers all CPUs (0-3)'],
	},
	observed: {
		backend: 'event-source',
		type: 10,
		layers: { qmp: 'KVM enabled', trace: 'type 10 ret 0', guest: '/pmu node' },
	},
	disagreements: [{ layer: 'guest-kernel', check: 'guest-kernel', expected: 'no trouble', seen }],
	unmet: ['cycles do not count on CPU 1'],
	logs: {
		guest: { unread: null, reports: [{ name: 'soft-lockup', lines: log }], known: [] },
		host: null,
		qemu: { events: [], stderr: ['warning: odd'] },
	},
	timings: { spawnMs: 1, greetingMs: 2, shellMs: 3, totalMs: 4 },
	artifacts: { 'repro.sh': 'cells/pmu_a_biglittle_cache_roots_qemu-built-1_qemu-system-aarch64_virt_/repro.sh' },
});

const plain = (text: string) => text.replaceAll(/\s+/g, ' ');
const unescaped = (text: string) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&#39;', "'");

/** Each format of a run, as its reader shows it. */
const formats: Readonly<Record<string, (results: Results) => string>> = {
	pretty: results => PrettyReport.of(results, 'run'),
	html: results => unescaped(pagesOf(htmlOf(results, { folder: 'run' })).join('')).replaceAll(/<[^>]*>/g, ' '),
	junit: results => unescaped(junitOf(results, 'run')),
	tap: results => tapOf(results, 'run'),
	kcidb: results =>
		JSON.parse(kcidbOf(results))
			.tests.map((one: { log_excerpt: string }) => one.log_excerpt)
			.join('\n'),
	markdown: results => markdownOf(results, 'run'),
	mail: results => textOf(runDocument(results, { folder: 'run' }), 72),
	lava: results => lavaOf(results, 'run'),
	github: results => githubOf(results, 'run').replaceAll('%0A', '\n'),
};

for (const [name, render] of Object.entries(formats)) {
	test(`a failure reads the same in ${name}: prediction, rule, facts, layers, what disagrees, evidence, command`, t => {
		const told = plain(render(resultsWith([failure])));
		let last = -1;
		for (const [what, words] of [
			['prediction and rule', /event-source 10 \(armv8_pmuv3\) ?, by rule covers-all/],
			['facts', /armv8_pmuv3 covers all CPUs \(0-3\)/],
			['layer that agrees', /trace"?,? +(?:agrees|✓ agrees) +type 10 ret 0/],
			['layer that differs', /guest-kernel +(?:DIFFERS|✗ differs) +soft-lockup/],
			['evidence', /guest kernel: \[ 25\.76\] Modules linked in:/],
			[
				'command',
				/sh (?:run|RUN)\/cells\/pmu_a_biglittle_cache_roots_qemu-built-1_qemu-system-aarch64_virt_\/repro\.sh/,
			],
		] as const) {
			const at = told.search(words);
			t.true(at > last, `${what}: ${told}`);
			last = at;
		}
		t.regex(told, /prediction:? +no trouble/);
		t.regex(told, /guest-kernel:? +(?:- ")?it reports a soft lockup: watchdog: BUG: soft lockup/);
		t.regex(told, /a demand was not met: cycles do not count on CPU 1/);
		// The page of a cell has the whole logs, too.
		if (name !== 'html') t.is(told.split('Modules linked in:').length, 2, 'a quoted line is shown once');
		t.notRegex(told, /<4>/);
	});
}

test('the reason is one sentence with every demand, and the log that it quotes is evidence', t => {
	const reason =
		'guest-kernel: expected no trouble, but it reports a soft lockup: watchdog: BUG: soft lockup; cycles do not count on CPU 1';
	t.true(PrettyReport.of(resultsWith([failure]), 'run').includes(`\n        guest: ${reason}\n`));
	t.true(junitOf(resultsWith([failure])).includes(`<failure message="${reason}" type="fail">`));
	t.true(tapOf(resultsWith([failure])).includes(`  message: "${reason}"\n`));
	t.is(JSON.parse(kcidbOf(resultsWith([failure]))).tests[0].comment, reason);
});

test('a cell that never started is told by its reason and its command', t => {
	const lost = cellOf('error', {
		...{ id: 'pmu/a[local,debian:trixie,virt]', reason: 'never started', predicted: null, observed: null, perf: [] },
		timings: { spawnMs: null, greetingMs: null, shellMs: null, totalMs: null },
	});
	const lines = PrettyReport.of(resultsWith([lost]), 'run')
		.split('\n')
		.slice(2, 5);
	t.is(lines[0], '        board: never started');
	t.regex(lines[1]!, /^ {8}repeat {5}npx vpmu run --cell /);
	t.is(lines[2], '');
});

test('cells go by ids that stay when QEMU is built again, as far as these tell them apart', t => {
	const named = (cells: readonly CellResult[]) => {
		const results = resultsWith(cells);
		return [
			/<testcase classname="pmu\/a" name="([^"]*)"/.exec(junitOf(results))?.[1],
			/^not ok 1 - (.*)$/m.exec(tapOf(results))?.[1],
			/TEST_CASE_ID=(\S+)/.exec(lavaOf(results))?.[1],
			/title=fail (.*?)::/.exec(githubOf(results))?.[1]?.replaceAll('%2C', ','),
			/\| fail \| (\S+) \|/.exec(markdownOf(results, 'run'))?.[1]?.replaceAll('\\', ''),
		];
	};
	t.deepEqual(named([failure]), Array(5).fill('pmu/a[biglittle,virt]'));
	t.deepEqual(named([failure, { ...failure, id: 'pmu/a[biglittle,/other/qemu,virt]' }]), Array(5).fill(id));
});
