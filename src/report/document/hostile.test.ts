import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { baselineShape, baselineText, compareSides, sideOf } from '../../compare/index.ts';
import { type CellSketch, runOf } from '../../compare/testing/cells.ts';
import { checkJson } from '../../lib/files/stored.ts';
import { quoteWord } from '../../lib/text/quote.ts';
import { comparisonDocument } from '../comparison/document.ts';
import { runDocument } from '../run/document.ts';
import { annotationsOf } from '../series/annotations.ts';
import { seriesDocument } from '../series/document.ts';
import { seriesJunitOf } from '../series/junit.ts';
import { judgeSeries } from '../series/verdict.ts';
import { actsInDocument, hostile } from '../testing/hostile.ts';
import type { ReportDocument } from './blocks.ts';
import { commandLines, textOf } from './index.ts';

const cell = fc.record({
	name: fc.oneof(fc.constant('pmu/a'), hostile),
	place: fc.oneof(fc.constant('uniform'), hostile),
	qemu: fc.oneof(fc.constant('debian:trixie'), hostile),
	machine: fc.oneof(fc.constant('virt'), hostile),
	reason: hostile,
	status: fc.constantFrom('pass', 'fail', 'xfail', 'xpass', 'skip', 'error') as fc.Arbitrary<
		CellSketch['status'] & string
	>,
	predicted: fc.record({ backend: hostile, rule: hostile, name: hostile }),
	more: fc.record({ simulated: fc.array(hostile, { maxLength: 2 }), notes: fc.array(hostile, { maxLength: 2 }) }),
});

const worlds = fc.record({
	before: fc.array(cell, { minLength: 1, maxLength: 3 }),
	after: fc.array(cell, { minLength: 1, maxLength: 3 }),
	title: hostile,
	author: hostile,
	file: hostile,
	said: hostile,
});

type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never;

/** Every report that is made of documents, and those that are not. */
function reportsOf({ before, after, title, author, file, said }: World) {
	const [was, is] = [runOf(...before), runOf(...after)];
	const comparison = compareSides(sideOf([was]), sideOf([is]));
	const built = { program: file, version: said };
	const verdict = judgeSeries({
		...{ out: file, vpmu: said, source: file, before: built, after: built, comparison, results: is, known: null },
		tree: 'both',
		kernel: {
			...{ as: 'both', source: file, before: built, after: built },
			answers: { worse: [title, 'kernel-log'], changed: [`${title}: ${said} -> ${said}`], unasked: null },
		},
		series: [
			{
				title,
				version: 2,
				author,
				notes: [said],
				patches: [{ title, author, files: [file] }],
				changeId: said,
				to: said,
			},
		],
		builds: { holds: false, reason: said, findings: [{ severity: 'regression', text: said }], breaking: [said] },
		claims: [{ text: said, where: file, state: 'fails', cells: [title], against: [title] }],
		tester: author,
	});
	const documents: ReportDocument[] = [
		comparisonDocument(comparison, { isVerbose: true, folder: file }),
		comparisonDocument(comparison),
		seriesDocument(verdict),
		seriesDocument(verdict, { isVerbose: true }),
		runDocument(is, { folder: file, isWhole: true, tester: author }),
	];
	return { documents, verdict, baseline: baselineText(sideOf([was])) };
}

/** What acts in a report of text, the first of it; undefined if nothing does. */
function actsIn({ documents, verdict, baseline }: ReturnType<typeof reportsOf>): string | undefined {
	const acts = documents.map(actsInDocument).find(one => one !== undefined);
	if (acts !== undefined) return acts;
	const annotations = annotationsOf(verdict).split('\n').slice(0, -1);
	const broken = annotations.find(line => !/^::(?:error|notice|warning) [^\n\r]*$/.test(line));
	if (broken !== undefined) return `annotation: ${broken}`;
	return checkJson(baseline, baselineShape).state === 'ok' ? undefined : `baseline: ${baseline}`;
}

test('no text acts in any report: not on a terminal, in HTML, in Markdown, on GitHub, or in a baseline', t => {
	fc.assert(
		fc.property(worlds, world => {
			const acts = actsIn(reportsOf(world));
			if (acts !== undefined) throw new Error(acts);
		}),
		{ numRuns: 80 },
	);
	t.pass();
});

test('lines of 1 MB come through every report', t => {
	for (const line of ['x'.repeat(1_000_000), 'word '.repeat(200_000)]) {
		const place = { name: 'pmu/a', place: 'uniform', qemu: 'debian:trixie', machine: 'virt' };
		const before = { ...place, status: 'pass' as const, reason: '' };
		const rest = { predicted: { backend: 'default', rule: line, name: line }, more: { simulated: [], notes: [line] } };
		const cells = {
			before: [{ ...before, ...rest }],
			after: [{ ...before, ...rest, status: 'fail' as const, reason: line }],
		};
		t.is(actsIn(reportsOf({ ...cells, title: line, author: line, file: line, said: line })), undefined);
	}
});

const program = (name: string) => ['/usr/bin', '/usr/local/bin'].map(folder => `${folder}/${name}`).find(existsSync);

test('JUnit of a series with any text is XML for xmllint', t => {
	const xmllint = program('xmllint');
	if (xmllint === undefined) {
		t.log('no xmllint on this machine');
		return t.pass();
	}
	const all = fc.sample(worlds, { numRuns: 30, seed: 1 }).map(world => seriesJunitOf(reportsOf(world).verdict));
	// One process for all: documents inside one root.
	const input = `<all>${all.map(xml => xml.replace(/^<\?xml.*?\?>/, '')).join('')}</all>`;
	const { status, stderr } = spawnSync(xmllint, ['--noout', '--huge', '-'], { input, encoding: 'utf8' });
	t.is(status, 0, stderr.slice(0, 2000));
	return undefined;
});

test('a long path in a command is not broken, so that it can be copied from a mail', t => {
	const file = `/home/${'long/'.repeat(20)}repeat/F8.sh`;
	t.deepEqual(commandLines(['sh', file], 72), [`    $ sh ${file}`]);
	t.deepEqual(commandLines(['vpmu', 'inspect', '--qemu', file, '--diff', file], 72), [
		`    $ vpmu inspect --qemu ${file} \\`,
		`      --diff ${file}`,
	]);
});

test('a command that is broken over lines is the same command for a shell', t => {
	const word = fc.oneof(
		fc.constantFrom("it's", '$(x)', 'a b', '--cell', '', '*', '\\', '"'),
		fc.string({ unit: fc.constantFrom(...Array.from(' abcXYZ[],=/:\'"$`\\*?漢')), maxLength: 200 }),
	);
	const commands = fc.sample(fc.array(word, { minLength: 1, maxLength: 6 }), { numRuns: 120, seed: 7 });
	const clean = commands.map(words => words.map(one => one.replaceAll(/\s+/g, ' ').trim()));
	for (const width of [40, 72, 100]) {
		const script = clean.map(words => {
			const lines = commandLines(['emit', ...words], width);
			const long = words.map(quoteWord).filter(one => [...one].length > width - 12);
			for (const line of lines) {
				t.true([...line].length <= width || long.some(one => line.includes(one)), line);
			}
			return lines.join('\n').replace('$ ', '');
		});
		const emit = `emit() { for word; do printf '%s\\0' "$word"; done; printf '\\n'; }\n`;
		const { stdout } = spawnSync('sh', ['-s'], { input: `${emit}${script.join('\n')}\n`, encoding: 'utf8' });
		t.deepEqual(
			stdout
				.split('\n')
				.slice(0, -1)
				.map(line => line.split('\0').slice(0, -1)),
			clean,
		);
	}
});

test('a word that is longer than a line, such as a path, stays whole, beside the mark or label of its line', t => {
	const word = `/${'x'.repeat(89)}`;
	const list = { kind: 'list' as const, items: [{ text: `${word} end` }, { text: `has ${word}`, more: [word] }] };
	const table = { kind: 'table' as const, head: ['', ''], rows: [['QEMU', `${word} end`]] };
	t.is(
		textOf({ title: word, blocks: [list, table] }, 72),
		`${word}\n- ${word}\n  end\n- has\n  ${word}\n    - ${word}\nQEMU  ${word}\n      end\n`,
	);
});

test('a word that is longer than any path is broken, before a mail server breaks it', t => {
	const lines = textOf({ title: 'x'.repeat(1000), blocks: [] }, 72)
		.trimEnd()
		.split('\n');
	t.true(lines.every(line => line.length <= 400));
	t.is(lines.join(''), 'x'.repeat(1000));
});
