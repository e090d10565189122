import { access, writeFile } from 'node:fs/promises';
import test from 'ava';
import { kernelLogSince, markKernelLog, sinceLine, sinceRecord } from './kernel-log.ts';
import { localHost } from './local.ts';

test('records of /dev/kmsg are lines with level, time and caller; what belongs to a record is left out', t => {
	const printed = [
		'first 7',
		'4,9,12345678,-;WARNING: CPU: 0 PID: 1 at x',
		' SUBSYSTEM=platform',
		' DEVICE=+platform:pmu',
		'12,10,999,-,caller=T100;written by a program; with a semicolon and a tab\\x09',
		'30,11,61000001,c,caller=C1;more',
		'last 11',
	];
	t.deepEqual(sinceRecord(printed, 8), {
		lines: [
			'<4>[   12.345678] WARNING: CPU: 0 PID: 1 at x',
			'<12>[    0.000999][  T100] written by a program; with a semicolon and a tab\t',
			'<30>[   61.000001][    C1] more',
		],
		unread: null,
	});
	t.regex(sinceRecord(printed, 3).unread!, /^3 of its records were overwritten/);
	t.deepEqual(sinceRecord(['last '], 3), { lines: [], unread: null });
});

test('lines of dmesg since a mark: by their count, by the last line, or all of them when that is gone', t => {
	const before = ['a', 'b', 'c', 'c'];
	const mark = { way: 'dmesg', count: 4, first: 'a', last: ['b', 'c', 'c'] } as const;
	t.deepEqual(sinceLine(before, mark), { lines: [], unread: null });
	// The same text again is a new line.
	t.deepEqual(sinceLine([...before, 'c', 'd'], mark), { lines: ['c', 'd'], unread: null });
	t.deepEqual(sinceLine(['b', 'c', 'c', 'd', 'e'], mark), { lines: ['d', 'e'], unread: null });
	const gone = sinceLine(['x', 'y'], mark);
	t.deepEqual(gone.lines, ['x', 'y']);
	t.regex(gone.unread!, /overwritten/);
});

test('a host whose log may not be read says why', async t => {
	await using host = localHost();
	const refused = {
		...host,
		run: async () => ({
			status: 0,
			signal: null,
			stdout: Buffer.from('none\ndmesg: read kernel buffer failed: Operation not permitted\n'),
			stderr: Buffer.alloc(0),
		}),
	};
	const mark = await markKernelLog(refused as typeof host);
	t.deepEqual(mark, { way: 'none', why: 'dmesg: read kernel buffer failed: Operation not permitted' });
	t.deepEqual(await kernelLogSince(host, mark), {
		lines: [],
		unread: 'dmesg: read kernel buffer failed: Operation not permitted',
	});
});

test('what is logged after a mark, and nothing before it, is read from this machine', async t => {
	await using host = localHost();
	const mayWrite = await access('/dev/kmsg', 2).then(
		() => true,
		() => false,
	);
	const mark = await markKernelLog(host, { timeoutMs: 60_000 });
	if (!mayWrite || mark.way === 'none') {
		t.log(`this user may not ${mayWrite ? 'read' : 'write'} the kernel log: only that the result says so was tried`);
		t.is(mayWrite || mark.way !== 'none' || mark.why !== '', true);
		return;
	}
	const word = `vpmu-test-${process.pid}`;
	t.false((await kernelLogSince(host, mark, { timeoutMs: 60_000 })).lines.some(line => line.includes(word)));
	await writeFile('/dev/kmsg', `<5>${word} one\n`);
	await writeFile('/dev/kmsg', `<5>${word} two\n`);
	const { lines, unread } = await kernelLogSince(host, mark, { timeoutMs: 60_000 });
	t.is(unread, null);
	t.deepEqual(
		lines.filter(line => line.includes(word)).map(line => line.slice(line.indexOf(word))),
		[`${word} one`, `${word} two`],
	);
});
