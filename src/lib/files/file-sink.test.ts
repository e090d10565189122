import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { FileSink } from './file-sink.ts';

const bounds = { headBytes: 1000, tailBytes: 100 };

test('a file that becomes too long keeps its beginning and its end, and says what is missing', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const file = path.join(folder, 'log');
	const omitted: number[] = [];
	const sink = new FileSink(file, undefined, { bounds, onOmission: bytes => omitted.push(bytes) });
	for (let line = 0; line < 1000; line++) sink.write(`line ${String(line).padStart(4, '0')}\n`);
	t.true(sink.isFull);
	await sink.close();
	const text = await readFile(file, 'utf8');
	t.regex(text, /^line 0000\n/);
	t.regex(text, /\n\[vpmu: 8900 bytes were left out here\]\n.*line 0999\n$/s);
	t.deepEqual(omitted, [8900]);
});

test('a file within its limits is complete, and contains nothing of ours', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const file = path.join(folder, 'log');
	const sink = new FileSink(file, undefined, { bounds, onOmission: () => t.fail() });
	for (let line = 0; line < 110; line++) sink.write(`line ${String(line).padStart(4, '0')}\n`);
	await sink.close();
	t.is((await stat(file)).size, 1100);
	t.is((await readFile(file, 'utf8')).split('\n').length, 111);
});

test('a flood that is not awaited takes no memory', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const file = path.join(folder, 'log');
	const sink = new FileSink(file);
	const before = process.memoryUsage.rss();
	// 4 GiB in one turn of the event loop: none of it can be written in the meantime.
	const chunk = Buffer.alloc(1 << 20, 'x');
	for (let count = 0; count < 4096; count++) sink.write(chunk);
	t.true(process.memoryUsage.rss() - before < 200e6);
	await sink.close();
	t.true((await stat(file)).size < 18e6);
});
