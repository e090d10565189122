import { command, type GroupSpec } from '../command.ts';
import { kernelBuildOptions } from './options.ts';

export const kernel: GroupSpec = {
	summary: 'arm64 kernels from source: build',
	actions: {
		build: command({
			summary: 'build an arm64 kernel for boards and guests, in a sandbox',
			details:
				"Build an arm64 kernel for '--kernel' and '--board-kernel', in a sandbox. The result is kept in the cache, and what was built without patches is built on.",
			usage:
				'--source DIR|TARBALL|debian:SUITE [--config CONFIG] [--patch FILE]... [--selftests] [--out FILE] [--json]',
			options: kernelBuildOptions,
			load: async () => (await import('./build.ts')).build,
		}),
	},
};
