import type { Cache } from '../cache/cache.ts';
import { hostArchitecture } from '../program.ts';
import { type BuildRoot, buildRoot } from '../source/root.ts';

/**
 * The build system for arm64 kernels: Debian trixie's tools for this machine. Without rustc, which would change the
 * configuration.
 */
export async function openKernelBuildRoot(cache: Cache): Promise<BuildRoot> {
	return await buildRoot(cache, 'linux-build', [
		{
			suite: 'trixie',
			architecture: hostArchitecture(),
			packages: [
				...['gcc-aarch64-linux-gnu', 'gcc', 'libc6-dev', 'make', 'flex', 'bison', 'm4', 'bc', 'git', 'perl-base'],
				...['bash', 'dash', 'coreutils', 'sed', 'grep', 'gawk', 'findutils', 'diffutils', 'debianutils'],
				...['gzip', 'bzip2', 'xz-utils', 'tar'],
				// Libraries that the kernel's own tests link with.
				...(hostArchitecture() === 'arm64' ? [] : ['libc6-dev-arm64-cross']),
			],
		},
	]);
}
