import { lstatSync } from 'node:fs';
import path from 'node:path';
import { type Host, HostError, localHost } from '../../src/host/index.ts';
import { entriesBelow, makeFolderSync, messageOf, UsageError } from '../../src/lib/index.ts';
import {
	type CellResult,
	cellFolder,
	eventsOf,
	type GivenPart,
	mergeRuns,
	type Results,
	RunFolder,
} from '../../src/run/index.ts';
import type { PlanFile } from '../plan/plan-file.ts';
import { exitCodeOfCells, exitCodes } from '../usage/exit-codes.ts';
import { version } from '../usage/places.ts';
import { runFolder } from '../usage/run-folder.ts';
import { artifactsOf, newRunId, writeReports } from './folder.ts';

export interface MergeRequest {
	readonly argv: readonly string[];
	/** Folders of the parts, as the user named them. */
	readonly parts: readonly string[];
	/** Run folder; default `vpmu-runs/ID`. */
	readonly out?: string | undefined;
	/** The plan that the parts were run by. */
	readonly plan?: PlanFile | undefined;
	readonly cwd: string;
	readonly signal: AbortSignal;
}

export interface MergedFolder {
	readonly results: Results;
	readonly folder: string;
	/** As `run` would have ended. */
	readonly exit: number;
}

/*
 * Parts come from other machines, as artifacts of an engine. Only regular files below the folders of their cells are taken, up
 * to these limits, as new files.
 */
const most = { eventBytes: 256 * 1024 * 1024, fileBytes: 1024 * 1024 * 1024, files: 200_000 };

/** Joins the run folders of all parts of a division into one, with all reports. @throws UsageError as `mergeRuns`, and for folders that cannot be read */
export async function mergeFolders({ argv, parts, out, plan, cwd, signal }: MergeRequest): Promise<MergedFolder> {
	await using host = localHost();
	const given: GivenPart[] = [];
	for (const folder of parts) given.push(await readPart(host, folder, { cwd, signal }));
	const id = newRunId();
	const merged = mergeRuns(given, { id, argv, vpmu: version }, plan);
	const name = out ?? path.join('vpmu-runs', id);
	using folder = new RunFolder(path.resolve(cwd, name));
	let files = 0;
	const taken = new Map<string, string>();
	for (const cell of merged.results.cells) {
		const own = cellFolder(cell.id);
		const other = taken.get(own);
		if (other !== undefined) throw new UsageError(`cells '${other}' and '${cell.id}' have the same folder '${own}'`);
		taken.set(own, cell.id);
		const part = merged.from.get(cell.id)!;
		files += await copyFiles(host, path.resolve(cwd, part, own), path.join(folder.path, own), {
			...{ part, name: own, signal },
			left: most.files - files,
		});
	}
	const complete = (cell: CellResult): CellResult => ({
		...cell,
		artifacts: artifactsOf(folder.path, { ...cell, artifacts: {} }),
	});
	for (const event of merged.events) {
		folder.append(event.event === 'cell-end' ? { ...event, result: complete(event.result) } : event);
	}
	const results = { ...merged.results, cells: merged.results.cells.map(complete) };
	writeReports(folder, results, name);
	if (folder.problem !== undefined) throw folder.problem;
	const exit = merged.interrupted ? exitCodes.interrupted : exitCodeOfCells(results.cells);
	return { results, folder: folder.path, exit };
}

async function readPart(
	host: Host,
	folder: string,
	{ cwd, signal }: { readonly cwd: string; readonly signal: AbortSignal },
): Promise<GivenPart> {
	runFolder(folder, cwd);
	const file = path.join(folder, 'events.ndjson');
	const bytes = await readable(
		() => host.read(path.resolve(cwd, file), { maxBytes: most.eventBytes, signal }),
		`'${folder}' is not the folder of a run`,
	);
	return { folder, events: eventsOf(bytes.toString('utf8'), file) };
}

interface CopyOptions {
	readonly part: string;
	/** The folder, relative to the run folder. */
	readonly name: string;
	readonly signal: AbortSignal;
	/** How many files may still come. */
	readonly left: number;
}

/** Copies the regular files of a cell's folder. Returns how many. A cell that did not run has no folder. */
async function copyFiles(
	host: Host,
	from: string,
	to: string,
	{ part, name, signal, left }: CopyOptions,
): Promise<number> {
	for (const one of [path.dirname(from), from]) {
		const found = lstatSync(one, { throwIfNoEntry: false });
		if (found === undefined) return 0;
		if (!found.isDirectory()) throw new UsageError(`'${one}' of part '${part}' is not a folder`);
	}
	makeFolderSync(to);
	const files = entriesBelow(from).filter(entry => entry.isFile());
	if (files.length > left) {
		throw new UsageError(`part '${part}' has too many files (in '${name}'); allowed: ${most.files} of all parts`);
	}
	for (const entry of files) {
		const file = path.join(path.relative(from, entry.parentPath), entry.name);
		const target = path.join(to, file);
		makeFolderSync(path.dirname(target));
		await readable(
			() => host.get(path.join(from, file), target, { maxBytes: most.fileBytes, signal }),
			`the file '${path.join(name, file)}' of part '${part}' cannot be taken`,
		);
	}
	return files.length;
}

/** What a part is that cannot be read is the user's to put right. */
async function readable<T>(work: () => Promise<T>, what: string): Promise<T> {
	try {
		return await work();
	} catch (cause) {
		if (!(cause instanceof HostError)) throw cause;
		throw new UsageError(`${what}: ${messageOf(cause)}`, { cause });
	}
}
