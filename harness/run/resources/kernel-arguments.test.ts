import test from 'ava';
import { kernelArgumentsWith } from './kernel-arguments.ts';

test('only a guest on emulated CPUs waits longer before it calls a starved CPU locked up', t => {
	t.regex(kernelArgumentsWith('/init', true), / watchdog_thresh=60 rcupdate\.rcu_cpu_stall_timeout=300 /);
	t.notRegex(kernelArgumentsWith('/init'), /watchdog|stall/);
});
