import { stableIdsOf } from '../compare/index.ts';
import type { CellResult, Results } from '../run/results.ts';
import { explanationOf, isWrong, reasonOf } from './explain/explanation.ts';
import { factsOf } from './explain/facts.ts';
import { explanationLines } from './explain/text.ts';
import { countsOf, shownStatus } from './words.ts';
import { attribute, text } from './xml.ts';

/**
 * Renders a run as JUnit XML: one suite per case, `failure` for the code under test, `error` for the infrastructure and
 * interrupts, one `system-out` per test case (some readers fail on more). What a failure holds is its explanation.
 *
 * @param folder the run folder as the reader can name it
 */
export function junitOf(results: Results, folder = 'RUN'): string {
	const suites = Map.groupBy(results.cells, cell => cell.case);
	// A CI system follows a test by its name, which must not change with each build of QEMU.
	const names = stableIdsOf(results.cells.map(({ id }) => id));
	const lines = [
		'<?xml version="1.0" encoding="UTF-8"?>',
		`<testsuites name="vpmu" ${counts(results.cells)} time="${seconds(results.run.durationMs)}" timestamp="${attribute(results.run.startedAt)}">`,
	];
	for (const [name, cells] of suites) {
		lines.push(`  <testsuite name="${attribute(name)}" ${counts(cells)} time="${seconds(sum(cells))}">`);
		for (const cell of cells) lines.push(...testCase(cell, names.get(cell.id)!, folder));
		lines.push('  </testsuite>');
	}
	lines.push('</testsuites>', '');
	return lines.join('\n');
}

function testCase(cell: CellResult, name: string, folder: string): string[] {
	const explained = isWrong(cell) ? text(explanationLines(explanationOf(cell, folder)).join('\n')) : '';
	const reason = attribute(reasonOf(cell) || cell.status);
	const child = {
		pass: '',
		xfail: `<skipped message="${attribute(`expected failure: ${reasonOf(cell)}`)}"/>`,
		skip: `<skipped message="${reason}"/>`,
		fail: `<failure message="${reason}" type="fail">${explained}</failure>`,
		xpass: `<failure message="${attribute(`passed, but was expected to fail: ${reasonOf(cell)}`)}" type="xpass">${explained}</failure>`,
		error: `<error message="${reason}" type="${cell.blame ?? 'harness'}">${explained}</error>`,
		interrupted: `<error message="${reason}" type="interrupted"/>`,
	}[shownStatus(cell)];
	const counts = countsOf(cell);
	const told = [...factsOf(cell), ...(counts === '' ? [] : [['counts', counts] as const])]
		.map(([fact, value]) => `${fact.padEnd(10)} ${value.replaceAll(/\s+/g, ' ')}`)
		.join('\n');
	return [
		`    <testcase classname="${attribute(cell.case)}" name="${attribute(name)}" time="${seconds(cell.timings.totalMs ?? 0)}">`,
		...(child === '' ? [] : [`      ${child}`]),
		`      <system-out>${text(told)}</system-out>`,
		'    </testcase>',
	];
}

const sum = (cells: readonly CellResult[]) => cells.reduce((total, cell) => total + (cell.timings.totalMs ?? 0), 0);
const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(3);

function counts(cells: readonly CellResult[]): string {
	const of = (...statuses: string[]) => cells.filter(cell => statuses.includes(shownStatus(cell))).length;
	return `tests="${cells.length}" failures="${of('fail', 'xpass')}" errors="${of('error', 'interrupted')}" skipped="${of('skip', 'xfail')}"`;
}
