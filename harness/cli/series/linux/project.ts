import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isLinuxTree, type PatchFile } from '../../../../src/image/index.ts';
import { UsageError } from '../../../../src/lib/index.ts';
import { classifyPatchFile, type Project, parsePatchwork, projectOf } from '../../../../src/patch/index.ts';
import type { CommandContext } from '../../../usage/context.ts';
import type { Given } from '../../command.ts';
import type { seriesOptions } from '../options.ts';
import { projectNames } from '../sides/plan.ts';

/** The patches of a project, and the source that they are for. */
export interface ProjectPart {
	/** As named by the user; empty if it names none. */
	readonly source: string;
	readonly files: readonly PatchFile[];
}

/** What a command line has for each project: one of them, or both for series that belong together. */
export type SeriesProjects =
	| { readonly qemu: ProjectPart; readonly linux?: undefined }
	| { readonly qemu?: ProjectPart | undefined; readonly linux: ProjectPart };

const otherThan = (project: Project): Project => (project === 'qemu' ? 'linux' : 'qemu');

/** Options that mean nothing for series of a project, or for two that belong together. */
const foreignOptions = {
	linux: ['configure-args', 'sanitize'],
	qemu: ['as', 'config', 'qemu', 'selftests'],
	both: ['qemu', 'range'],
} as const;

/**
 * Sorts patches and sources by project: a folder by its content, an archive by its name, a patch by the paths that it touches.
 * A file whose paths do not tell, such as a cover letter, belongs to the next file that does, else to the one before it. QEMU
 * if nothing tells.
 *
 * @throws UsageError for options of the other project, and for sources that do not fit the patches
 */
export async function projectsOfSeries(
	{ cwd }: Pick<CommandContext, 'cwd'>,
	{ options }: Pick<Given<typeof seriesOptions>, 'options'>,
	files: readonly PatchFile[],
): Promise<SeriesProjects> {
	const sources = options.source ?? [];
	const kinds = await Promise.all(sources.map(source => kindOf(path.resolve(cwd, source), source)));
	const projects = withNeighbours(files.map(file => projectOf(textsOf(file))));
	const found = new Set(projects);
	const isPair = found.has('qemu') && found.has('linux');
	if (sources.length > 1 || (isPair && kinds[0] === undefined && sources[0]?.startsWith('debian:'))) {
		refuse(options, 'both');
		const named = sources.length > 1 ? twoSources(sources, kinds) : { qemu: sources[0]!, linux: sources[0]! };
		if (!isPair) {
			const [only] = found;
			const whose =
				only === undefined ? 'no patch says which project it is for' : `all patches are for ${projectNames[only]}`;
			throw new UsageError(`option '--source' names two sources, and ${whose}`);
		}
		const part = (project: Project) => ({
			...{ source: named[project], files: files.filter((_, at) => projects[at] === project) },
		});
		return { qemu: part('qemu'), linux: part('linux') };
	}
	if (isPair) {
		const [own = 'qemu'] = kinds;
		const foreign = files.find((_, at) => projects[at] !== own);
		throw new UsageError(
			`'${foreign?.name}' is for ${projectNames[otherThan(own)]}, and '--source' names only ${projectNames[own]}'s source; give '--source' of both, or 'debian:SUITE'`,
		);
	}
	const project = kinds[0] ?? (found.has('linux') ? 'linux' : 'qemu');
	refuse(options, project);
	const part = { source: sources[0] ?? '', files };
	return project === 'linux' ? { linux: part } : { qemu: part };
}

/** @throws UsageError for an option that does not fit */
function refuse(options: Given<typeof seriesOptions>['options'], project: keyof typeof foreignOptions): void {
	const foreign = foreignOptions[project].find(name => options[name] !== undefined && options[name] !== false);
	if (foreign === undefined) return;
	if (project === 'both') {
		const why =
			foreign === 'qemu' ? 'the series for QEMU is built' : 'series for both come as files, each with its source';
		throw new UsageError(`option '--${foreign}' cannot stand with series for QEMU and Linux: ${why}`);
	}
	const other = projectNames[otherThan(project)];
	throw new UsageError(`option '--${foreign}' is for series of ${other}, and this one is for ${projectNames[project]}`);
}

/** Assigns two sources to their projects. @throws UsageError if that is not possible */
function twoSources(sources: readonly string[], kinds: readonly (Project | undefined)[]): Record<Project, string> {
	const [one = '', two = ''] = sources;
	if (sources.length > 2) {
		throw new UsageError(
			`option '--source' is given ${sources.length} times; allowed: once for QEMU and once for Linux`,
		);
	}
	const [first, second] = [
		kinds[0] ?? (kinds[1] && otherThan(kinds[1])),
		kinds[1] ?? (kinds[0] && otherThan(kinds[0])),
	];
	if (first === undefined) {
		throw new UsageError(
			`option '--source': unknown which of '${one}' and '${two}' is Linux's source; name one as a folder, or as an archive whose name begins with linux or qemu`,
		);
	}
	if (first === second) {
		throw new UsageError(
			`'${one}' and '${two}' of option '--source' are both ${projectNames[first]}'s; allowed: one of each`,
		);
	}
	return first === 'qemu' ? { qemu: one, linux: two } : { qemu: two, linux: one };
}

/** Returns the project of a source; `undefined` if it does not tell. */
async function kindOf(place: string, source: string): Promise<Project | undefined> {
	if (source.startsWith('debian:')) return undefined;
	if (await isLinuxTree(place)) return 'linux';
	const isFolder = await stat(place).then(
		found => found.isDirectory(),
		() => false,
	);
	if (isFolder) return (await stat(path.join(place, 'target/arm')).catch(() => undefined)) && 'qemu';
	const [, name] = /^(linux|qemu)\b/.exec(path.basename(place)) ?? [];
	return name as Project | undefined;
}

/** Replaces each unknown project by the next known one, else by the previous one. */
function withNeighbours(projects: readonly (Project | undefined)[]): (Project | undefined)[] {
	const filled = [...projects];
	for (let at = filled.length - 2; at >= 0; at--) filled[at] ??= filled[at + 1];
	for (let at = 1; at < filled.length; at++) filled[at] ??= filled[at - 1];
	return filled;
}

function textsOf({ name, content }: PatchFile): string[] {
	const file = classifyPatchFile(name, content);
	if (file.kind !== 'patchwork') return [file.content.toString('utf8')];
	return parsePatchwork(name, file.content.toString('utf8')).map(({ diff }) => diff.toString('utf8'));
}
