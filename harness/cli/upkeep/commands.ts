import { images, topologies } from '../candidates.ts';
import { command, type GroupSpec } from '../command.ts';
import {
	benchmarkNames,
	benchOptions,
	boardListOptions,
	boardSshOptions,
	boardUpOptions,
	doctorOptions,
	imageBuildOptions,
	imageListOptions,
	imagePruneOptions,
} from './options.ts';

export const boards: GroupSpec = {
	summary: 'boards (emulated aarch64 KVM hosts): up, down, list, ssh, prune',
	actions: {
		up: command({
			summary: 'start a board; it stays up until it is taken down',
			usage: 'TOPOLOGY [--cpus N] [--kernel KERNEL] [--foreground]',
			options: boardUpOptions,
			positionals: { maximum: 1, candidates: topologies },
			load: async () => (await import('./board.ts')).up,
		}),
		down: command({
			summary: 'take a board down, or all boards',
			usage: '[TOPOLOGY]',
			options: {},
			positionals: { maximum: 1, candidates: topologies },
			load: async () => (await import('./board.ts')).down,
		}),
		list: command({
			summary: 'list topologies, running boards, and their snapshots',
			usage: '[--json]',
			options: boardListOptions,
			positionals: { maximum: 1, candidates: topologies },
			load: async () => (await import('./board.ts')).list,
		}),
		ssh: command({
			summary: 'run a shell or a command on a board; starts the board if it is not up',
			usage: 'TOPOLOGY [--cpus N] [--kernel KERNEL] [-- COMMAND…]',
			options: boardSshOptions,
			positionals: { maximum: 100, candidates: topologies },
			load: async () => (await import('./board.ts')).ssh,
		}),
		prune: command({
			summary: 'remove snapshots of boards',
			usage: '[TOPOLOGY]',
			options: {},
			positionals: { maximum: 1, candidates: topologies },
			load: async () => (await import('./board.ts')).prune,
		}),
	},
};

export const image: GroupSpec = {
	summary: 'images and packages in the cache: build, list, prune',
	actions: {
		build: command({
			summary: 'build the images that guests and boards boot',
			usage: '[RECIPE…] [OPTION...]',
			options: imageBuildOptions,
			positionals: { maximum: 99, candidates: images },
			load: async () => (await import('./image.ts')).build,
		}),
		list: command({
			summary: 'list what the cache holds: packages, kernels, programs and images',
			usage: '[--json]',
			options: imageListOptions,
			load: async () => (await import('./image.ts')).list,
		}),
		prune: command({
			summary: 'remove entries from the cache that were not used for long',
			usage: '[--unused-for DAYS | --all] [--dry-run] [--json]',
			options: imagePruneOptions,
			load: async () => (await import('./image.ts')).prune,
		}),
	},
};

export const bench = command({
	summary: 'measure how fast vpmu is, against named baselines',
	details: `Measure how fast vpmu is; each figure is a ratio to a named baseline of the same run. Benchmarks: ${benchmarkNames.join(', ')}.`,
	usage: '[BENCHMARK...] [--qemu QEMU] [--rounds N] [--json]',
	options: benchOptions,
	positionals: { maximum: Number.POSITIVE_INFINITY, candidates: () => benchmarkNames },
	load: async () => (await import('./bench.ts')).bench,
});

export const doctor = command({
	summary: 'check what this machine lacks, and name the command that provides it',
	usage: '[--json]',
	options: doctorOptions,
	load: async () => (await import('./doctor.ts')).doctor,
});
