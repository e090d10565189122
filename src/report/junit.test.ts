import test from 'ava';
import { junitOf } from './junit.ts';
import { cellOf, interruptedCell, everyStatus as results, resultsWith } from './testing/results.ts';

test('failures, errors and skips are counted separately', t => {
	const xml = junitOf(
		resultsWith([
			...results.cells.filter(cell => cell.status !== 'error'),
			cellOf('error', { reason: 'the board\ndied' }),
		]),
	);
	t.regex(xml, /<testsuite name="pmu\/a" tests="6" failures="2" errors="1" skipped="2"/);
	t.regex(xml, /<error message="the board died" type="board">error, blame board: the board died\n/);
	t.is(xml.match(/<failure /g)?.length, 2);
	t.false(/[\u0000\u001b]/.test(xml), 'characters that XML cannot hold are gone');
});

test('a cell that an interrupt took is an error, not a skip', t => {
	const xml = junitOf(resultsWith([cellOf('pass'), cellOf('skip'), interruptedCell()]));
	t.regex(xml, /<testsuites name="vpmu" tests="3" failures="0" errors="1" skipped="1"/);
	t.regex(xml, /<error message="interrupted while it ran" type="interrupted"\/>/);
});
