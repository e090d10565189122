import path from 'node:path';
import { isLinuxTree, type PatchFile } from '../../../../src/image/index.ts';
import { UsageError } from '../../../../src/lib/index.ts';
import { classifyPatchFile, type Project, parsePatchwork, projectOf } from '../../../../src/patch/index.ts';
import type { CommandContext } from '../../../usage/context.ts';
import type { Given } from '../../command.ts';
import type { seriesOptions } from '../options.ts';

/**
 * Determines which project a series is for: from the folder itself, or, for an archive or a Debian suite, from the
 * paths that the patches touch. QEMU if nothing tells.
 *
 * @throws UsageError for options of the other project
 */
export async function projectOfSeries(
	{ cwd }: Pick<CommandContext, 'cwd'>,
	{ options }: Pick<Given<typeof seriesOptions>, 'options'>,
	files: readonly PatchFile[],
): Promise<Project> {
	const { source = '' } = options;
	const isLinux =
		(!source.startsWith('debian:') && (await isLinuxTree(path.resolve(cwd, source)))) ||
		projectOf(files.flatMap(textsOf)) === 'linux';
	const project = isLinux ? 'linux' : 'qemu';
	const foreign = foreignOptions[project].find(name => options[name] !== undefined && options[name] !== false);
	if (foreign !== undefined) {
		const [whose, other] = isLinux ? ['Linux', 'QEMU'] : ['QEMU', 'Linux'];
		throw new UsageError(`option '--${foreign}' is for series of ${other}, and this one is for ${whose}`);
	}
	return project;
}

/** Options that mean nothing for a project. */
const foreignOptions = {
	linux: ['configure-args', 'sanitize'],
	qemu: ['as', 'config', 'qemu', 'selftests'],
} as const;

function textsOf({ name, content }: PatchFile): string[] {
	const file = classifyPatchFile(name, content);
	if (file.kind !== 'patchwork') return [file.content.toString('utf8')];
	return parsePatchwork(name, file.content.toString('utf8')).map(({ diff }) => diff.toString('utf8'));
}
