import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
	type Architecture,
	type Cache,
	commands,
	debianProgram,
	hostArchitecture,
	type ProgramRoot,
} from '../../src/image/index.ts';
import type { GuestTool } from './tools.ts';

/**
 * GCC's compiler proper, the assembler and the linker for aarch64, each with its libraries, used without installation.
 */
export interface Toolchain {
	readonly compiler: ProgramRoot;
	readonly assembler: ProgramRoot;
	readonly linker: ProgramRoot;
}

/** Debian's path of cc1, which belongs to the cross compiler except on arm64. */
const compilers: Readonly<Record<Architecture, { readonly package: string; readonly program: string }>> = {
	amd64: { package: 'cpp-12-aarch64-linux-gnu', program: '/usr/lib/gcc-cross/aarch64-linux-gnu/12/cc1' },
	arm64: { package: 'cpp-12', program: '/usr/lib/gcc/aarch64-linux-gnu/12/cc1' },
};

/**
 * Provides the compiler that the committed programs were made with: GCC 12 and binutils 2.40 of Debian bookworm.
 * @throws VpmuError (blame `host` or `image`)
 */
export async function openToolchain(cache: Cache): Promise<Toolchain> {
	const from = { suite: 'bookworm', architecture: hostArchitecture() };
	const { package: name, program } = compilers[from.architecture];
	const binutils = { ...from, packages: ['binutils-aarch64-linux-gnu'] };
	return {
		compiler: await debianProgram(cache, { ...from, packages: [name], program }),
		assembler: await debianProgram(cache, { ...binutils, program: '/usr/bin/aarch64-linux-gnu-as' }),
		linker: await debianProgram(cache, { ...binutils, program: '/usr/bin/aarch64-linux-gnu-ld' }),
	};
}

const compilerFlags = [
	...['-quiet', '-std=gnu11', '-Os', '-Wall', '-Wextra', '-Werror', '-ffreestanding', '-fno-stack-protector'],
	...['-fno-asynchronous-unwind-tables', '-fno-tree-loop-distribute-patterns'],
	// No outlined helpers that depend on the CPU.
	'-mno-outline-atomics',
];

const kinds = {
	program: { compiler: ['-fno-pie'], linker: ['-static', '-z', 'noseparate-code'] },
	library: { compiler: ['-fPIC'], linker: ['-shared'] },
};

/**
 * Builds a guest tool as `output`, reproducibly: the same bytes on any machine at any time. @throws VpmuError with the
 * compiler's messages
 */
export async function buildTool(toolchain: Toolchain, tool: GuestTool, output: string): Promise<void> {
	const { compiler, assembler, linker } = toolchain;
	const flags = kinds[tool.kind];
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-tool-'));
	const [assembly, object] = [path.join(folder, 'assembly.s'), path.join(folder, 'object.o')];
	// Name sources relative to this folder, so that the build does not contain their path on this machine.
	const $ = commands({ cwd: import.meta.dirname });
	const at = (program: ProgramRoot) => program.command(program.root);
	try {
		await $`${at(compiler)} ${[...compilerFlags, ...flags.compiler]} ${tool.source} -o ${assembly}`;
		await $`${at(assembler)} -o ${object} ${assembly}`;
		await $`${at(linker)} -m aarch64linux ${flags.linker} --build-id=none -s -o ${output} ${object}`;
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
