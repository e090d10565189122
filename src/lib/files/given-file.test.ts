import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { readGiven } from './given-file.ts';

const inFolder = test.macro(async (t, body: (t: import('ava').ExecutionContext, folder: string) => Promise<void>) => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	try {
		await body(t, folder);
	} finally {
		await cleanup();
	}
});

const fifoIn = (folder: string) => {
	const fifo = path.join(folder, 'fifo');
	execFileSync('mkfifo', [fifo]);
	return fifo;
};

test('a regular file is read', inFolder, async (t, folder) => {
	const file = path.join(folder, 'file');
	await writeFile(file, 'text');
	t.is((await readGiven(file)).toString(), 'text');
});

test('a FIFO without a writer is empty', inFolder, async (t, folder) => {
	t.is((await readGiven(fifoIn(folder))).length, 0);
});

test('a pipe is read to its end, however late it comes', inFolder, async (t, folder) => {
	const fifo = fifoIn(folder);
	// Opened for both directions, so that neither side waits for the other.
	const writer = spawn('sh', ['-c', 'exec 3<>"$1"; echo open; read -r _; echo text >&3', 'sh', fifo]);
	await once(writer.stdout, 'data');
	const text = readGiven(fifo);
	writer.stdin.end('\n');
	t.is((await text).toString(), 'text\n');
});

test('a pipe whose writer says nothing ends with the signal', inFolder, async (t, folder) => {
	const fifo = fifoIn(folder);
	const writer = spawn('sh', ['-c', 'exec 3<>"$1"; echo open; read -r _', 'sh', fifo]);
	await once(writer.stdout, 'data');
	const stop = new AbortController();
	const reason = new Error('interrupted');
	const text = readGiven(fifo, stop.signal);
	stop.abort(reason);
	t.is(await t.throwsAsync(text), reason);
	writer.kill();
});

test('a folder and a device are refused', inFolder, async (t, folder) => {
	await t.throwsAsync(readGiven(folder), { message: 'it is a folder; allowed: a regular file or a pipe' });
	await t.throwsAsync(readGiven('/dev/zero'), { message: 'it is neither a regular file nor a pipe' });
});
