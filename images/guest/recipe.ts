import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Recipe } from '../../src/image/index.ts';
import { perfConfig, perfStubs } from '../perf.ts';

const here = import.meta.dirname;
const tool = (name: string) => path.join(here, '../tools/bin/aarch64', name);

/** The guest under test: perf, a shell with the usual tools, and the workloads. */
const guest: Recipe = {
	name: 'guest',
	description: 'perf, busybox and the workloads',
	suite: 'bookworm',
	architecture: 'arm64',
	packages: ['linux-perf', 'busybox-static'],
	programs: ['/usr/bin/perf', '/usr/bin/busybox'],
	busybox: '/usr/bin/busybox',
	stubs: perfStubs,
	files: {
		'/init': { content: readFileSync(path.join(here, 'init.sh')), mode: 0o755 },
		'/etc/passwd': { content: 'root:x:0:0:root:/root:/bin/sh\n' },
		'/etc/group': { content: 'root:x:0:\n' },
		'/etc/perfconfig': { content: perfConfig },
		'/vpmu/agent': { local: tool('agent'), mode: 0o755, optional: true },
		'/vpmu/workload': { local: tool('workload'), mode: 0o755, optional: true },
	},
};

export default guest;
