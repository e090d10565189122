import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { type FinalResults, Parser, type Result } from 'tap-parser';
import * as v from 'valibot';
import { unless } from '../lib/testing/unless.ts';
import { quoteCommand } from '../lib/text/quote.ts';
import { rendered } from '../lib/text/screen.ts';
import { cellFolder } from '../run/paths.ts';
import { commandLines, textOf } from './document/index.ts';
import { htmlOf } from './html/html.ts';
import { junitOf } from './junit.ts';
import { kcidbOf } from './kcidb.ts';
import { markdownOf } from './markdown.ts';
import { notesOf } from './notes.ts';
import { runDocument } from './run/document.ts';
import { tapOf } from './tap.ts';
import { PrettyReport } from './terminal/pretty.ts';
import { kcidbSchema } from './testing/kcidb.ts';
import { pagesOf } from './testing/pages.ts';
import { cellOf, everyStatus, interruptedCell, nasty, resultsWith } from './testing/results.ts';

const program = (name: string) =>
	['/usr/bin', '/usr/local/bin'].map(folder => path.join(folder, name)).find(existsSync);
/** A test that validates the report with an external program. */
const judgedBy = (name: string) => {
	const found = program(name);
	return (title: string, body: (t: import('ava').ExecutionContext, judge: string) => void) =>
		unless(found === undefined ? `no ${name} on this machine` : undefined)(title, t => body(t, found!));
};

const oneLineOf = (text: string) => text.replaceAll(/[\u0000-\u001f]+/g, ' ').trim();

judgedBy('prove')('prove reads TAP, and counts as we do', (t, prove) => {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const judge = (cells: Parameters<typeof resultsWith>[0]) => {
		const file = path.join(folder, 'run.tap');
		// Perl's parser knows version 14 from Test::Harness 3.48 on; what we write is read in the same way as 13.
		writeFileSync(file, tapOf(resultsWith(cells)).replace('TAP version 14', 'TAP version 13'));
		return spawnSync(prove, ['--exec', 'cat', file], { encoding: 'utf8' });
	};
	const good = judge(['pass', 'skip', 'xfail', 'pass'].map(status => cellOf(status as 'pass')));
	t.is(good.status, 0, good.stdout);
	t.regex(good.stdout, /Tests=4/);
	const bad = judge(everyStatus.cells);
	t.not(bad.status, 0);
	t.regex(bad.stdout, /Failed tests:\s+2-3, 6/);
});

test('TAP: a version 14 parser finds no error, counts as we do, and reads every diagnostic', t => {
	const read = Parser.parse(tapOf(everyStatus), { strict: true });
	t.deepEqual(read[0], ['version', 14]);
	const points = read.flatMap(([kind, value]) => (kind === 'assert' ? [value as Result] : []));
	t.deepEqual(
		points.map(({ ok, skip, todo }) => [ok, skip !== false, todo !== false]),
		[
			...[
				[true, false, false],
				[false, false, false],
				[false, false, false],
				[true, true, false],
			],
			...[
				[false, false, true],
				[false, false, false],
			],
		],
	);
	t.is(points[0]!.name, 'pmu/a[uniform,debian:trixie,virt,pmu=#0,pass]');
	t.like(points[1]!.diag, {
		...{ message: oneLineOf(nasty.split(' | ')[0]!), severity: 'fail', status: 'fail' },
		...{ wanted: 'event-source 10', found: 'default' },
	});
	const { explanation } = points[1]!.diag as { explanation: readonly string[] };
	t.true(
		explanation.some(line => line.startsWith('evidence   `x` #1')),
		explanation.join('\n'),
	);
	t.is(points[1]!.time, 1234);
	t.like(points[2]!.diag, { severity: 'error', blame: 'board' });
	t.deepEqual(
		read.filter(([kind]) => kind === 'extra' || kind === 'bailout' || kind === 'comment'),
		[],
	);
	const endOf = (tap: string) =>
		Parser.parse(tap, { strict: true }).flatMap(([kind, value]) =>
			kind === 'complete' ? [value as FinalResults] : [],
		)[0];
	t.like(endOf(tapOf(everyStatus)), { count: 6, fail: 4, skip: 1, todo: 1, failures: { length: 3 } });
	t.like(endOf(tapOf(resultsWith([cellOf('pass'), cellOf('skip')]))), { ok: true, count: 2 });
	t.like(endOf(tapOf(resultsWith([]))), { count: 0 });
});

test('TAP: a cell that an interrupt took is not ok, and its diagnostic has the reason', t => {
	const read = Parser.parse(tapOf(resultsWith([cellOf('pass'), interruptedCell()])), { strict: true });
	const points = read.flatMap(([kind, value]) => (kind === 'assert' ? [value as Result] : []));
	t.like(points[1], { ok: false, skip: false, todo: false });
	t.like(points[1]!.diag, { message: 'interrupted while it ran', severity: 'error', status: 'interrupted' });
	t.deepEqual(
		read.filter(([kind]) => kind === 'extra' || kind === 'bailout' || kind === 'comment'),
		[],
	);
});

test('TAP: a `#` in a cell’s name is not a directive, and a reason of several lines is one diagnostic', t => {
	const lines = tapOf(everyStatus).split('\n');
	t.is(lines[1], '1..6');
	t.true(lines.includes('ok 1 - pmu/a[uniform,debian:trixie,virt,pmu=\\#0,pass]'));
	t.is(lines.filter(line => /^(not )?ok /.test(line)).length, 6);
	t.is(lines.filter(line => line === '  ...').length, 4);
});

judgedBy('python3')('a strict parser of XML reads JUnit, and counts as we do', (t, python) => {
	const script = `
import sys, xml.etree.ElementTree as tree
suites = tree.fromstring(sys.stdin.buffer.read())
print(*[suites.get(name) for name in ('tests', 'failures', 'errors', 'skipped')])
print(*[len(suites.findall('.//' + name)) for name in ('testcase', 'failure', 'error', 'skipped')])`;
	const { stdout, stderr } = spawnSync(python, ['-c', script], { input: junitOf(everyStatus), encoding: 'utf8' });
	t.is(stdout, '6 2 1 2\n6 2 1 2\n', stderr);
});

judgedBy('python3')(
	'an HTML parser finds every element closed, one script, and only addresses within the run folder',
	(t, python) => {
		const script = `
import sys, gzip, base64
from html.parser import HTMLParser
class Judge(HTMLParser):
    def __init__(self):
        super().__init__(); self.open = []; self.scripts = []; self.packed = []; self.addresses = set()
    def handle_starttag(self, tag, attributes):
        if (tag, dict(attributes).get('charset')) != ('meta', 'utf-8'): self.open.append(tag)
        if tag == 'script': self.scripts.append(dict(attributes).get('type'))
        for name, value in attributes:
            if name in ('href', 'src', 'action', 'xlink:href'): self.addresses.add(value)
            if name.startswith('on') or name == 'style': print('attribute', name)
    def handle_data(self, data):
        if self.open and self.open[-1] == 'script' and self.scripts[-1]: self.packed.append(data)
    def handle_endtag(self, tag):
        last = self.open.pop()
        if last != tag: print('wrong', last, tag)
judge = Judge(); judge.feed(sys.stdin.read())
print('open', judge.open, judge.scripts.count(None), judge.scripts.count('text/plain'))
print(*sorted(one for one in judge.addresses if not one.startswith('#')))
for page in judge.packed:
    inner = Judge(); inner.feed(gzip.decompress(base64.b64decode(page)).decode())
    print('page', inner.open, len(inner.scripts), *sorted(one for one in inner.addresses if one != '#'))`;
		const { stdout, stderr } = spawnSync(python, ['-c', script], { input: htmlOf(everyStatus), encoding: 'utf8' });
		t.deepEqual(
			stdout.trim().split('\n'),
			['open [] 1 6', '', ...Array.from({ length: 6 }, () => 'page [] 0 cells/pmu_a_%231/argv.json')],
			stderr,
		);
	},
);

test('HTML: text is never markup', t => {
	const html = htmlOf(everyStatus);
	t.true(html.includes('a &lt;b'));
	t.false(html.includes('<b> &'));
	t.false(/[\u0000\u001b\u202e]/.test(html));
	t.regex(pagesOf(html)[0]!, /18446744073709551615/);
});

test('HTML: a build of QEMU is named by its path only where paths tell cells apart', t => {
	const onBuild = (path: string) =>
		cellOf('fail', { id: `pmu/a[uniform,${path},virt]`, qemu: { ...everyStatus.cells[0]!.qemu, path } });
	const shown = (paths: readonly string[]) => {
		const html = htmlOf(resultsWith(paths.map(onBuild)));
		const text = (pattern: RegExp) => [...html.matchAll(pattern)].map(([, name]) => name);
		return [...text(/<\/span> fail<\/span> (pmu\S+) /g), ...text(/<th scope="row"><a [^>]*>([^<]*)</g)];
	};
	t.deepEqual(shown(['/cache/one/qemu']), ['pmu/a[uniform,virt]', 'pmu/a[uniform,virt]']);
	const both = ['pmu/a[uniform,/one/qemu,virt]', 'pmu/a[uniform,/two/qemu,virt]'];
	t.deepEqual(shown(['/one/qemu', '/two/qemu']), [...both, ...both]);
	const html = htmlOf(resultsWith(['/one/qemu', '/two/qemu'].map(onBuild)));
	const [, columns] = /<table id="grid"[\s\S]*?<tbody>([\s\S]*?)<\/table>/.exec(html)!;
	t.deepEqual(
		[...columns!.matchAll(/scope="row">([^<]*)</g)].map(([, row]) => row),
		['virt 10.0.13 /one/qemu', 'virt 10.0.13 /two/qemu'],
	);
});

test('HTML: the page allows only its own style and script, by their hashes', t => {
	const html = htmlOf(everyStatus);
	const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html) ?? [];
	t.regex(
		policy ?? '',
		/^default-src 'none'; style-src 'sha256-[^' ]+'; script-src 'sha256-[^' ]+'; base-uri 'none'; form-action 'none'$/,
	);
	for (const [name, kind] of [
		['style', 'style-src'],
		['script', 'script-src'],
	]) {
		const [, text] = new RegExp(`<${name}>([\\s\\S]*)</${name}>`).exec(html) ?? [];
		t.true(policy!.includes(`${kind} 'sha256-${createHash('sha256').update(text!).digest('base64')}'`));
	}
});

test('KCIDB: a report is valid by its schema, and tests name builds that are in it', t => {
	const report = v.parse(kcidbSchema, JSON.parse(kcidbOf(everyStatus)));
	t.deepEqual(
		report.tests.map(one => one.status),
		['PASS', 'FAIL', 'MISS', 'SKIP', 'FAIL', 'PASS'],
	);
	const builds = new Set(report.builds.map(build => build.id));
	const checkouts = new Set(report.checkouts.map(checkout => checkout.id));
	t.true(report.tests.every(one => builds.has(one.build_id)));
	t.true(report.builds.every(one => checkouts.has(one.checkout_id)));
	for (const one of [...report.tests, ...report.builds]) t.regex(one.id, /^vpmu:./);
	t.false(/: null/.test(kcidbOf(everyStatus)));
});

test('KCIDB: a cell that an interrupt took is a test without a result', t => {
	const report = v.parse(kcidbSchema, JSON.parse(kcidbOf(resultsWith([cellOf('skip'), interruptedCell()]))));
	t.deepEqual(
		report.tests.map(one => one.status),
		['SKIP', 'MISS'],
	);
});

test('Markdown: each cell has a table row with as many columns as the header', t => {
	const lines = markdownOf(everyStatus, 'run').split('\n');
	const rows = lines.slice(lines.indexOf('## Cells')).filter(line => line.startsWith('|'));
	t.is(rows.length, 8);
	const columns = rows.map(row => row.replaceAll('\\|', '').split('|').length);
	t.is(new Set(columns).size, 1, rows.join('\n'));
});

test('mail: short lines; what went wrong by cause, with command; Tested-by only if everything passed', t => {
	const mail = (cells: Parameters<typeof resultsWith>[0]) =>
		textOf(runDocument(resultsWith(cells), { folder: 'vpmu-runs/r', tester: 'T <t@example.org>' }), 72);
	const simulated = cellOf('pass', { simulated: ['attribute5'], accel: 'kvm' });
	const failing = cellOf('fail', {
		...{ id: 'pmu/a[uniform,debian:trixie,virt,pmu=1]', reason: 'trace: expected 10, but saw 11' },
		artifacts: { 'repro.sh': `${cellFolder('pmu/a[uniform,debian:trixie,virt,pmu=1]')}/repro.sh` },
	});
	const known = cellOf('xfail', { reason: 'finding F8: what it is' });
	const text = mail([simulated, failing, { ...failing, id: 'pmu/a[uniform,debian:trixie,virt,pmu=2]' }, known]);
	t.deepEqual(
		text.split('\n').filter(line => line.length > 72 && !line.startsWith('    $ ')),
		[],
	);
	t.regex(text, /^vpmu run r: 1 pass, 2 fail, 1 xfail\n/);
	t.regex(text, /\nfail: 2 cells with pmu=1 or pmu=2: trace: expected 10, but saw 11\n/);
	t.regex(text.replaceAll('\\\n', ''), /\n {4}\$ sh vpmu-runs\/r\/cells\/[^ ]*\/repro\.sh\n/);
	t.regex(text, /\nxfail: pmu\/a\S+: finding F8: what\n {2}it is\n/);
	t.regex(text, /real KVM on an emulated host \(uniform\);\s+simulated: attribute5 in 1\n/);
	t.regex(text, /\nhost +pass +xfail +fail\nboard:uniform +1 +1 +2\n/);
	t.notRegex(text, /Tested-by/);
	t.regex(mail([cellOf('pass'), cellOf('skip')]), /\nTested-by: T <t@example\.org>\n$/);
	for (const status of ['fail', 'xfail', 'xpass', 'error', 'skip'] as const) {
		t.notRegex(mail(status === 'skip' ? [cellOf('skip')] : [cellOf('pass'), cellOf(status)]), /Tested-by/);
	}
	t.notRegex(mail([cellOf('pass', { flaky: true })]), /Tested-by/);
});

test('a command of a mail or a pull request runs the cell again without the run folder, with the reader’s build', t => {
	const id = 'pmu/a[uniform,/root/build/qemu-system-aarch64,virt,pmu=#1]';
	const failing = cellOf('fail', {
		...{ id, pmu: '11', artifacts: { 'repro.sh': `${cellFolder(id)}/repro.sh` } },
		qemu: { version: '10.0.13', path: '/root/build/qemu-system-aarch64', hasPmuChoice: true },
		kernels: { guest: { source: 'debian:trixie', release: '6.12' }, board: '/root/linux/Image' },
	});
	const results = resultsWith([failing]);
	const command = [
		...['npx', 'vpmu', 'run', '--cell', 'pmu/a[uniform,virt,pmu=#1]', '--on', 'board:uniform'],
		...['--qemu', './qemu-system-aarch64', '--kernel', 'debian:trixie', '--board-kernel', './Image'],
		...['--machine', 'virt', '--pmu', '#1'],
	];
	const mail = textOf(runDocument(results, { folder: '/root/r' }), 72);
	t.true(mail.includes(`\n${commandLines(command, 72).join('\n')}\n`), mail);
	t.regex(mail, /\nIn a command, \.\/NAME stands for your own build\.\n/);
	t.true(markdownOf(results, '/root/r').includes(`\`${quoteCommand(command)}\``));
	const withArgv = (...argv: string[]) => ({ ...results, run: { ...results.run, argv: ['vpmu', 'run', ...argv] } });
	const { kernels: _, ...unknown } = failing;
	const onKernel = { ...failing, id: id.replace('pmu=#1', 'kernel=/root/linux/Image') };
	for (const untold of [
		...[withArgv('--cases', '/root/cases'), withArgv('--random=9'), withArgv('--selftests', '/root/tests')],
		...[resultsWith([unknown]), resultsWith([onKernel])],
	]) {
		// What the results do not tell of a run is in the cell's own script.
		t.notRegex(textOf(runDocument(untold, { folder: '/root/r' }), 72), /own build/);
	}
});

test('a mail and a pull request say that a run was interrupted, however many notes there are', t => {
	const noted = Array.from({ length: 30 }, (_, index) =>
		cellOf('pass', { id: `pmu/a[uniform,qemu,virt,pmu=${index}]`, notes: [`note ${index}`] }),
	);
	const skipped = cellOf('skip', { id: 'pmu/b[uniform,qemu,virt]', reason: 'interrupted before it ran' });
	const results = resultsWith([...noted, skipped]);
	for (const text of [textOf(runDocument(results, { folder: 'run' }), 72), markdownOf(results, 'run')]) {
		t.regex(text, /\n- 1 cell has no verdict: interrupted\n/);
	}
});

test('a mail and a pull request count cells that an interrupt took apart from skipped ones', t => {
	const results = resultsWith([cellOf('pass'), cellOf('skip'), interruptedCell()]);
	const text = textOf(runDocument(results, { folder: 'run' }), 72);
	t.regex(text, /^vpmu run r: 1 pass, 1 skip, 1 interrupted\n/);
	t.regex(text, /; 1 skipped\n/);
	t.regex(text, /\nhost +pass +interrupted +skip\nboard:uniform +1 +1 +1\n/);
	t.regex(markdownOf(results, 'run'), /\n\| interrupted \| pmu\/a/);
});

test('notes name flaky cells, quarantine, and cells skipped on every host', t => {
	const place = (status: 'skip' | 'pass', host: string, rest: string) =>
		cellOf(status, { id: `pmu/a[${host},${rest}]`, reason: status === 'skip' ? 'needs two PMUs' : null });
	const notes = notesOf(
		resultsWith([
			cellOf('pass', { flaky: true, reason: 'flaky: pass at attempt 2' }),
			cellOf('fail', { quarantine: { reason: 'issue 1', until: '2026-01-01', expired: true } }),
			cellOf('pass', { quarantine: { reason: 'issue 2', until: '2099-01-01', expired: false } }),
			place('skip', 'uniform', 'qemu,virt'),
			place('pass', 'biglittle', 'qemu,virt'),
			place('skip', 'uniform', 'qemu,virt-9.2'),
			place('skip', 'biglittle', 'qemu,virt-9.2'),
			cellOf('skip', { id: 'pmu/b[uniform,qemu,virt]', reason: 'interrupted before it ran' }),
		]),
	);
	t.deepEqual(
		notes.map(note => note.kind),
		['interrupted', 'flaky', 'quarantine', 'quarantine', 'skipped-everywhere'],
	);
	t.regex(notes[2]!.text, /its quarantine ended on 2026-01-01 \(issue 1\); it is fail now/);
	t.is(notes[4]!.text, 'pmu/a: 2 of its cells skipped on every host: needs two PMUs');
	t.is(notes[0]!.text, '1 cell has no verdict: interrupted');
});

test('a backend that a guest without a PMU cannot show is not reported as unknown', t => {
	const seen = {
		observed: { backend: 'unknown', layers: { qmp: null, trace: null, guest: null } },
		cpuPmu: false,
	} as const;
	const hidden = resultsWith([cellOf('pass', seen)]);
	const words = 'not visible with pmu=off';
	t.true(markdownOf(hidden, 'run').includes(words));
	for (const page of [...pagesOf(htmlOf(hidden)), junitOf(hidden)]) {
		t.true(page.includes(words));
		t.notRegex(page, /\bunknown\b(?! version)/);
	}
	t.true(htmlOf(hidden).includes(words));
	t.true(tapOf(resultsWith([cellOf('xfail', seen)])).includes(words));
	const pretty = new PrettyReport({});
	const row = pretty.receive({ at: '2026-01-01T00:00:00.000Z', event: 'cell-end', result: hidden.cells[0]! });
	t.true(rendered(row).includes(words));
	const failed = resultsWith([cellOf('fail', seen)]);
	t.false(markdownOf(failed, 'run').includes(words), 'where a layer disagrees, unknown is what was seen');
	t.regex(markdownOf(resultsWith([cellOf('pass', { ...seen, cpuPmu: null })]), 'run'), /the guest has no PMU/);
});
