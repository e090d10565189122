import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { localHost } from '../../src/host/index.ts';
import { cacheKinds, cacheRoot } from '../../src/image/index.ts';

/** What builds of QEMU leave in `roots`: 4000 files of sources each, which no test reads. */
const builds = /^qemu-(tree|built)-/;

/**
 * Makes a cache for a test, which shares the files of the real one until they are replaced. Builds, locks and what runs at the
 * moment are left out. Others may work in the real cache: what vanishes meanwhile is made again by whoever needs it.
 *
 * @param without entries that are left out too, by their names
 */
export async function copyCache(to: string, without = /^$/): Promise<string> {
	await mkdir(path.join(to, 'tmp'), { recursive: true, mode: 0o700 });
	await using host = localHost();
	for (const kind of cacheKinds.filter(one => (one as string) !== 'builds')) {
		const [from, own] = [path.join(cacheRoot(process.env), kind), path.join(to, kind)];
		const names = (await readdir(from).catch(() => [])).filter(name => !builds.test(name) && !without.test(name));
		await mkdir(own, { mode: 0o700 });
		if (names.length === 0) continue;
		const { status, stderr } = await host.run(['cp', '-al', '--', ...names, own], { cwd: from });
		const problems = stderr
			.toString()
			.split('\n')
			.filter(line => line !== '' && !line.includes('No such file or directory'));
		if (status !== 0 && problems.length > 0) throw new Error(problems.join('\n'));
	}
	return to;
}
