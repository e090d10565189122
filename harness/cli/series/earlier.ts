import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { hostname, version as kernelVersion, release } from 'node:os';
import path from 'node:path';
import {
	buildImage,
	type Cache,
	hostArchitecture,
	loadRecipe,
	namedKernel,
	verifiedHash,
} from '../../../src/image/index.ts';
import { entriesBelow, makeFolder } from '../../../src/lib/index.ts';
import { type Results, readResults } from '../../../src/run/index.ts';
import type { Cell } from '../../plan/plan.ts';
import { planRun, type RunRequest } from '../../run/request/request.ts';
import type { CommandContext } from '../../usage/context.ts';
import { packageFolder, shippedCases, version } from '../../usage/places.ts';
import { resourcesFor } from '../resources.ts';

/** Results of the unpatched build's cells that an earlier run has. */
export interface EarlierRun {
	readonly results: Results;
	/** Its cache entry, which contains `results.json`. */
	readonly folder: string;
}

/**
 * Returns a key of everything that determines the results of a run's cells: the QEMUs, the cells with their cases' code,
 * the kernels and images of boards and guests, this machine's kernel if cells run on it, and vpmu itself.
 *
 * @param program a QEMU whose place in the request does not matter
 * @returns `undefined` if that cannot be known, as on hosts over ssh
 */
export async function earlierKey(
	cache: Cache,
	context: CommandContext,
	request: RunRequest,
	program?: string,
): Promise<string | undefined> {
	const { cells, files } = await planRun(request, context);
	const places = new Set(cells.map(cell => cell.on));
	if ([...places].some(on => on.startsWith('ssh:'))) return undefined;
	await using resources = resourcesFor(context, request.kernel);
	const qemus = await Promise.all(
		[...programsOf(cells)]
			.sort()
			.map(async ([source, architecture]) => [
				...[source, architecture],
				await verifiedHash(path.resolve(context.cwd, await resources.qemus.program(source, architecture))),
			]),
	);
	const kernels = [...new Set([request.kernel, ...cells.map(cell => cell.kernel ?? request.kernel)])].sort();
	const guests = await Promise.all(
		kernels.map(async source => [
			(await resources.guests.kernel(source)).hash,
			(await resources.guests.imageFor(source)).hash,
		]),
	);
	const isOnBoards = [...places].some(on => on.startsWith('board'));
	const boardKernels = [
		...new Set([request.boardKernel, ...cells.map(cell => cell.boardKernel ?? request.boardKernel)]),
	];
	const board = isOnBoards ? await Promise.all(boardKernels.sort().map(one => boardHashes(cache, one))) : [];
	const selftests = [...new Set(cells.flatMap(cell => cell.selftests ?? []))].sort();
	const tests = await Promise.all(selftests.flatMap(filesIn).map(hashOf));
	const here = places.has('local') ? [hostname(), release(), kernelVersion()] : [];
	const cases = await Promise.all([...new Set([...files.values()].map(file => file.path))].sort().map(hashOf));
	const parts = {
		...{ qemus, cells, guests, board, tests, here, cases },
		...{ version, code: await codeHash() },
	};
	const text = JSON.stringify(parts);
	const masked = program === undefined ? text : text.replaceAll(program, 'QEMU');
	return createHash('sha256').update(masked).digest('hex').slice(0, 20);
}

/** The QEMUs of cells, with the architecture of the hosts that they run on. */
function programsOf(cells: readonly Cell[]): Map<string, 'amd64' | 'arm64'> {
	return new Map(
		cells.flatMap(({ on, qemu, reference, skip }) =>
			[qemu, reference]
				.filter(source => source !== null && skip === null)
				.map(source => [source!, on === 'local' ? hostArchitecture() : 'arm64'] as const),
		),
	);
}

/** The newest results that are kept for a key. A damaged entry counts as none. */
export async function findEarlier(cache: Cache, key: string): Promise<EarlierRun | undefined> {
	const names = (await readdir(cache.folder('results')).catch((): string[] => []))
		.filter(name => name.startsWith(`${key}-`) && !name.endsWith('.json'))
		.sort();
	for (const name of names.reverse()) {
		if (!(await cache.has('results', name))) continue;
		const folder = path.join(cache.folder('results'), name);
		try {
			return { results: readResults(folder), folder };
		} catch {
			// Try the next one.
		}
	}
	return undefined;
}

/** Keeps the results of a run, unless the infrastructure failed in it: that says nothing about the QEMU. */
export async function keepEarlier(cache: Cache, key: string, runFolder: string): Promise<void> {
	const results = readResults(runFolder);
	if (results.cells.some(cell => cell.status === 'error')) return;
	await cache.keep('results', `${key}-${results.run.id}`, async to => {
		await mkdir(to);
		await copyFile(path.join(runFolder, 'results.json'), path.join(to, 'results.json'));
		return { label: `results of ${results.cells.length} cells, run ${results.run.id}` };
	});
}

/** Takes kept results as those of a run folder. @returns the sentence that says so */
export async function takeEarlier({ results, folder }: EarlierRun, runFolder: string): Promise<string> {
	await makeFolder(runFolder);
	await copyFile(path.join(folder, 'results.json'), path.join(runFolder, 'results.json'));
	const count = results.cells.length === 1 ? '1 cell' : `${results.cells.length} cells`;
	return `${count}, taken from run ${results.run.id} of ${results.run.startedAt.slice(0, 10)}, with the same QEMU, cells, kernels and vpmu; '--fresh' runs them again`;
}

async function boardHashes(cache: Cache, source: string): Promise<string[]> {
	const kernel = await namedKernel(cache, source);
	const image = await buildImage(cache, await loadRecipe('board'), { kernel });
	return [kernel.hash, image.hash];
}

const hashOf = async (file: string) =>
	createHash('sha256')
		.update(await readFile(file))
		.digest('hex');

/** The files below a folder, in a fixed order. */
const filesIn = (folder: string) =>
	entriesBelow(folder)
		.filter(entry => entry.isFile())
		.map(entry => path.join(entry.parentPath, entry.name))
		.sort();

/** The version alone does not distinguish two states of a checkout. */
async function codeHash(): Promise<string> {
	const root = path.dirname(shippedCases);
	const hash = createHash('sha256');
	for (const room of ['src', 'harness', 'images']) {
		for (const file of filesIn(path.join(root, room)))
			hash.update(`${path.relative(packageFolder, file)}\0`).update(await readFile(file));
	}
	return hash.digest('hex');
}
