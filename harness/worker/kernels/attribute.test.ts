import test from 'ava';
import { sortKernelLog } from '../../../src/guest/index.ts';
import { attribute } from './watch.ts';

const oopsOf = (pid: number, at: number) => [
	`<1>[  ${at}.000000] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000008`,
	`<0>[  ${at}.000100] Internal error: Oops: 0000000096000004 [#1] SMP`,
	`<4>[  ${at}.000200] CPU: 0 UID: 0 PID: ${pid} Comm: qemu-system-aar Not tainted 6.12.0 #1`,
	`<4>[  ${at}.000300] ---[ end trace 0000000000000000 ]---`,
];
const attributed = (lines: readonly string[]) => {
	const { reports } = sortKernelLog(lines, { of: 'host', release: '6.12.0' });
	const { own, notes } = attribute(reports, new Set([100, 101]), new Set([200, 201]));
	return { own: own.map(report => report.kind), notes: notes.map(note => note.reason) };
};

test("a report that names a cell's process is the cell's, with everything about the same fault", t => {
	t.deepEqual(attributed(oopsOf(101, 12)), { own: ['oops', 'oops'], notes: [] });
});

test("a report that names a process of a parallel cell is not the cell's, and is not dropped", t => {
	const { own, notes } = attributed(oopsOf(201, 12));
	t.deepEqual(own, []);
	t.is(notes.length, 2);
	t.regex(notes[0]!, /another cell/);
});

test('a report that names no process, or no known one, goes to all cells that ran', t => {
	t.deepEqual(attributed(['<0>[   12.0] BUG: workqueue lockup - pool cpus=0 stuck for 33s!']).own, [
		'workqueue-lockup',
	]);
	t.deepEqual(attributed(oopsOf(4711, 12)).own, ['oops', 'oops']);
});

test('one fault after another: each goes to the cell that it names', t => {
	t.deepEqual(attributed([...oopsOf(200, 12), ...oopsOf(100, 13)]).own, ['oops', 'oops']);
	t.is(attributed([...oopsOf(200, 12), ...oopsOf(100, 13)]).notes.length, 2);
	t.deepEqual(attributed([...oopsOf(200, 12), '<2>[   12.100000] kernel BUG at a.c:1!']).own, ['bug']);
});

test('a host without memory or with broken hardware says nothing about its kernel', t => {
	const { own, notes } = attributed([
		'<3>[   12.0] Out of memory: Killed process 100 (qemu-system-aar) total-vm:1kB',
		'<0>[   20.0] Memory failure: 0x1234: recovery action for dirty LRU page: Recovered',
	]);
	t.deepEqual(own, []);
	t.is(notes.length, 2);
});
