import { sources } from '../candidates.ts';
import type { Options } from '../command.ts';

/** Options of `vpmu kernel build`. */
export const kernelBuildOptions = {
	source: {
		value: 'DIR|TARBALL|debian:SUITE',
		candidates: sources,
		help: "Linux's source: a folder, an archive, or Debian's package linux-source",
	},
	config: {
		value: 'CONFIG',
		candidates: () => ['small', 'full', 'debug'],
		help: 'small (default), full, debug (KASAN, lockdep), or the path of a .config',
	},
	patch: { value: 'FILE', repeatable: true, help: 'apply a patch or a series first; in the order given' },
	selftests: {
		help: "build the kernel's own tests of vCPUs' PMUs too; 'vpmu probe --conformance' runs those beside an Image",
	},
	out: { value: 'FILE', help: 'copy the Image there' },
	bisect: { help: 'for git bisect run: exit with 125 if it does not build' },
	'build-limit': {
		value: 'NAME=VALUE',
		repeatable: true,
		help: 'limit of the build: time=2h, memory=8G, processes=1024, file=4G, disk=20G, output=64M (the defaults)',
	},
	json: { help: 'print one JSON document' },
} as const satisfies Options;
