import { once } from 'node:events';
import { appendFile, link, mkdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { startArchive } from './archive.ts';

/** Archives a file of 1 MiB, and calls `change` while tar waits for its output to be read. */
async function whileArchived(change: (file: string) => Promise<void>): Promise<number | null> {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	try {
		const file = path.join(folder, 'root', 'libc.so.6');
		await mkdir(path.dirname(file));
		await writeFile(file, Buffer.alloc(1 << 20));
		await utimes(file, 1_700_000_000, 1_700_000_000);
		await using archive = await startArchive(path.join(folder, 'root'));
		archive.stderr.resume();
		// The archive is larger than all buffers on its way, so tar is still at the file.
		await once(archive.stdout, 'readable');
		await change(file);
		archive.stdout.resume();
		return (await archive.exited).status;
	} finally {
		await cleanup();
	}
}

test('a file that gets another hard link while it is archived is archived', async t => {
	t.is(await whileArchived(file => link(file, path.join(path.dirname(file), '..', 'linked'))), 0);
});

test('a file that is written to while it is archived is refused', async t => {
	t.is(await whileArchived(file => appendFile(file, 'more')), 1);
});
