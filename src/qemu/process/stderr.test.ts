import test from 'ava';
import { StderrTail } from './stderr.ts';

const tailOf = (...parts: readonly string[]) => {
	const tail = new StderrTail();
	for (const part of parts) tail.push(Buffer.from(part));
	return tail;
};

test('what a QEMU that is well writes is explained, and anything else is not', t => {
	const lines = [
		'qemu-system-aarch64: terminating on signal 15 from pid 77 (node)',
		'qemu-system-aarch64: terminating on signal 2',
		"qemu-system-aarch64: warning: '-mon' is deprecated, use '-object' instead",
		"ERROR: ld.so: object '/shim.so' from LD_PRELOAD cannot be preloaded (wrong ELF class): ignored.",
		"==77==WARNING: ASan doesn't fully support makecontext/swapcontext functions and may produce false positives",
		'==77==WARNING: ASan is ignoring requested __asan_handle_no_return: stack type: default top: 0x7ffc; bottom 0x7f00',
		'False positive error reports may follow',
		'For details see https://github.com/google/sanitizers/issues/189',
	];
	for (const line of lines) t.deepEqual(tailOf(`${line}\n`).unexplained(10), [], line);
	t.deepEqual(tailOf(`${lines.join('\n')}\na warning\nanother\n`).unexplained(10), ['a warning', 'another']);
	t.deepEqual(tailOf('a\nb\nc\n').unexplained(2), ['b', 'c']);
	t.is(tailOf('kvm_arm: terminating on signal 15, or not\n').unexplained(1).length, 1);
});

test('the report of a sanitizer is kept with its stack, however few lines are asked for', t => {
	const stack = Array.from({ length: 5 }, (_, frame) => `    #${frame} 0x1234 in f${frame}`);
	for (const heading of [
		'==77==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010',
		'==77==WARNING: MemorySanitizer: use-of-uninitialized-value',
		'SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior a.c:1:2',
	]) {
		const lines = [heading, ...stack];
		t.deepEqual(tailOf(`${lines.join('\n')}\n`).unexplained(2), lines, heading);
	}
	t.deepEqual(tailOf(`a warning\n${stack.join('\n')}\n`).unexplained(2), stack.slice(-2));
});

test('that QEMU waits for a peer is heard once its line is complete, and is not evidence', async t => {
	const announcement = 'qemu: info: QEMU waiting for connection on: unix:/a,server=on';
	const tail = tailOf(announcement.slice(0, 20));
	t.false(tail.isAnnounced);
	tail.push(Buffer.from(announcement.slice(20)));
	t.false(tail.isAnnounced);
	tail.push(Buffer.from('\nmore\n'));
	t.true(tail.isAnnounced);
	await tail.announced;
	tail.push(Buffer.from(`${announcement}\n`));
	t.deepEqual(tail.lines(10), ['more']);
	t.false(tailOf('something else\n').isAnnounced);
});

test('the end is kept, in whole lines, without empty ones', t => {
	t.deepEqual(tailOf('a\r\n\nb').lines(10), ['a', 'b']);
	t.deepEqual(tailOf('a\nb\nc\n').lines(2), ['b', 'c']);
	const tail = tailOf('first\n', `${'x'.repeat(70_000)}\n`, 'last\n');
	t.is(tail.lines(10).length, 2);
	t.is(tail.lines(1)[0], 'last');
});
