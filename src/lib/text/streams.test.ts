import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { dir } from 'tmp-promise';
import { FileSink } from '../files/file-sink.ts';
import { drainInto, linesOf, listen } from './streams.ts';

test('a failed write to a file is reported once, and the source is read to its end', async t => {
	// /dev/full (full(4)) behaves like a full disk.
	for (const [file, code] of [
		['/dev/full', 'ENOSPC'],
		['/dev/null/file', 'ENOTDIR'],
		['/', 'EISDIR'],
	] as const) {
		const problems: Error[] = [];
		const sink = new FileSink(file, problem => problems.push(problem));
		const source = new PassThrough();
		const drained = drainInto(source, sink);
		// More than all buffers on the way can hold.
		for (let chunk = 0; chunk < 64; chunk++) {
			if (!source.write(Buffer.alloc(65_536))) await once(source, 'drain');
		}
		source.end();
		await drained;
		await sink.close();
		t.deepEqual(
			problems.map(problem => (problem as NodeJS.ErrnoException).code),
			[code],
		);
		t.is(sink.problem, problems[0]);
	}
});

test('a closed file has everything that was written, from several sources', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const file = path.join(folder, 'log');
	const sink = new FileSink(file);
	const sources = [new PassThrough(), new PassThrough()];
	const drained = Promise.all(sources.map(source => drainInto(source, sink)));
	sources[0]!.end('a'.repeat(100_000));
	sources[1]!.end('b'.repeat(100_000));
	await drained;
	await sink.close();
	const text = await readFile(file, 'utf8');
	t.is(text.length, 200_000);
	t.is(text.replaceAll('a', '').length, 100_000);
	t.is(sink.problem, undefined);
});

test('a source that fails ends, for a file and for lines', async t => {
	const source = new PassThrough();
	const drained = drainInto(source, new FileSink('/dev/null'));
	source.destroy(new Error('reset'));
	await drained;
	const stream = new PassThrough();
	stream.write('first\nsecond\n');
	for await (const line of linesOf(stream)) {
		t.is(line, 'first');
		break;
	}
	const unread = new PassThrough();
	linesOf(unread);
	for (const broken of [stream, unread]) broken.destroy(new Error('the connection has ended'));
	await setImmediate();
	t.true(stream.destroyed && unread.destroyed);
});

test('a server continues if it cannot accept a connection', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const server = createServer(socket => socket.end('hello'));
	await listen(server, path.join(folder, 's'));
	// Node emits this when accept(2) fails with EMFILE.
	server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
	server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
	const socket = connect(path.join(folder, 's'));
	t.is(Buffer.concat(await socket.toArray()).toString(), 'hello');
	server.close();
	await t.throwsAsync(listen(createServer(), path.join(folder, 'none/s')), { message: /^listen / });
});
