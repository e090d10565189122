import test from 'ava';
import { Processes } from './processes.ts';

test('only processes of cells that ran on the same host at the same time are returned', t => {
	let now = 0;
	const processes = new Processes(() => now);
	const early = processes.begin('early', 'a');
	processes.add('early', [1]);
	now = 1;
	processes.begin('own', 'a');
	processes.begin('elsewhere', 'b');
	processes.begin('beside', 'a');
	processes.add('own', [10, 11]);
	processes.add('elsewhere', [12]);
	processes.add('beside', [20, 21]);
	processes.add('unknown', [30]);
	t.deepEqual(processes.others('own'), [1, 20, 21]);
	now = 2;
	early[Symbol.dispose]();
	// The cell has ended, but its processes are remembered.
	t.deepEqual(processes.others('own'), [1, 20, 21]);
	t.deepEqual(processes.others('elsewhere'), []);
	t.deepEqual(processes.others('unknown'), []);
	now = 3;
	processes.begin('late', 'a');
	t.deepEqual(processes.others('late'), [10, 11, 20, 21]);
});

test('cells that no running cell can have met are forgotten', t => {
	let now = 0;
	const processes = new Processes(() => now);
	const first = processes.begin('first', 'a');
	processes.add('first', [1]);
	now = 1;
	first[Symbol.dispose]();
	now = 2;
	const second = processes.begin('second', 'a');
	t.deepEqual(processes.others('second'), []);
	now = 3;
	second[Symbol.dispose]();
	// A reused process id belongs to the new cell.
	now = 4;
	processes.begin('first', 'a');
	processes.add('first', [1]);
	t.deepEqual(processes.others('first'), []);
});
