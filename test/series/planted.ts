import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** One patch: text of a file that is replaced, once. */
export interface Planted {
	readonly title: string;
	readonly file: string;
	readonly from: string;
	readonly to: string;
}

const kvm = 'target/arm/kvm.c';
const anchor = '    kvm_halt_in_kernel_allowed = true;\n';
const version = 'DEFINE_VIRT_MACHINE(9, 2)\n';

/** Adds a harmless comment, so that a series has more than its fault. */
const harmless = (title: string, file: string, before: string): Planted => ({
	...{ title, file, from: before },
	to: `/* ${title} */\n${before}`,
});

/** Series for QEMU 10.0.13 (and its neighbours) with one fault each, and the number of the patch that has it. */
export const plantedSeries = {
	'does-not-build': {
		faulty: 3,
		patches: [
			harmless('target/arm/kvm: Say where vCPUs wait', kvm, 'int kvm_arch_init(MachineState *ms, KVMState *s)\n'),
			harmless(
				'hw/arm/virt: Name the machine of 9.2',
				'hw/arm/virt.c',
				'static void virt_machine_9_2_options(MachineClass *mc)\n',
			),
			{ title: 'target/arm/kvm: Count halts', file: kvm, from: anchor, to: `${anchor}    cap_halts = 1;\n` },
			{ title: 'target/arm/kvm: Do not count halts', file: kvm, from: `${anchor}    cap_halts = 1;\n`, to: anchor },
			harmless(
				'hw/arm/virt: Name the machine of 9.1',
				'hw/arm/virt.c',
				'static void virt_machine_9_1_options(MachineClass *mc)\n',
			),
		],
	},
	compatibility: {
		faulty: 2,
		patches: [
			harmless('target/arm/kvm: Say where vCPUs wait', kvm, 'int kvm_arch_init(MachineState *ms, KVMState *s)\n'),
			{
				title: 'hw/arm/virt: Simplify the machine of 9.2',
				file: 'hw/arm/virt.c',
				from: `    compat_props_add(mc->compat_props, hw_compat_9_2, hw_compat_9_2_len);\n}\n${version}`,
				to: `}\n${version}`,
			},
			harmless(
				'hw/arm/virt: Name the machine of 9.1',
				'hw/arm/virt.c',
				'static void virt_machine_9_1_options(MachineClass *mc)\n',
			),
		],
	},
	leaks: {
		faulty: 2,
		patches: [
			harmless('target/arm/kvm: Say where vCPUs wait', kvm, 'int kvm_arch_init(MachineState *ms, KVMState *s)\n'),
			{
				title: 'target/arm/kvm: Name the machine',
				file: kvm,
				from: anchor,
				to: `${anchor}    {\n        char *name = g_strdup_printf("machine of %u CPUs", ms->smp.cpus);\n        kvm_halt_in_kernel_allowed = name[0] != 0;\n    }\n`,
			},
			harmless(
				'hw/arm/virt: Name the machine of 9.1',
				'hw/arm/virt.c',
				'static void virt_machine_9_1_options(MachineClass *mc)\n',
			),
		],
	},
	'undefined-behaviour': {
		faulty: 2,
		patches: [
			harmless('target/arm/kvm: Say where vCPUs wait', kvm, 'int kvm_arch_init(MachineState *ms, KVMState *s)\n'),
			{
				title: 'target/arm/kvm: Prepare masks of vCPUs',
				file: kvm,
				from: anchor,
				to: `${anchor}    {\n        volatile unsigned bits = ms->smp.cpus + 31;\n        cap_has_mp_state = (1u << bits) != 0;\n    }\n`,
			},
		],
	},
	warns: {
		faulty: 2,
		patches: [
			harmless('target/arm/kvm: Say where vCPUs wait', kvm, 'int kvm_arch_init(MachineState *ms, KVMState *s)\n'),
			{
				title: 'target/arm/kvm: Tell how vCPUs halt',
				file: kvm,
				from: anchor,
				to: `${anchor}    warn_report("vCPUs halt in the kernel");\n`,
			},
			harmless(
				'hw/arm/virt: Name the machine of 9.1',
				'hw/arm/virt.c',
				'static void virt_machine_9_1_options(MachineClass *mc)\n',
			),
		],
	},
} as const satisfies Record<string, { readonly faulty: number; readonly patches: readonly Planted[] }>;

const identity = {
	...{ GIT_AUTHOR_NAME: 'A. Person', GIT_AUTHOR_EMAIL: 'a.person@example.org', GIT_CONFIG_NOSYSTEM: '1' },
	...{ GIT_COMMITTER_NAME: 'A. Person', GIT_COMMITTER_EMAIL: 'a.person@example.org', HOME: '/nonexistent' },
};

/**
 * Writes a series as the mails of `git format-patch`, with a cover letter.
 *
 * @param readSource reads a file of the source that it is for
 * @returns the mails, in one mailbox
 */
export async function mailsOf(
	patches: readonly Planted[],
	readSource: (file: string) => Promise<string>,
): Promise<Buffer> {
	const place = await mkdtemp(path.join(tmpdir(), 'vpmu-planted-'));
	try {
		const git = (...argv: string[]) =>
			execFileSync('git', argv, { cwd: place, env: { ...process.env, ...identity }, stdio: 'pipe' });
		git('init', '-q', '-b', 'main');
		for (const file of new Set(patches.map(patch => patch.file))) {
			await mkdir(path.join(place, path.dirname(file)), { recursive: true });
			await writeFile(path.join(place, file), await readSource(file));
		}
		git('add', '-A');
		git('commit', '-q', '-m', 'base');
		for (const { title, file, from, to } of patches) {
			const text = await readFile(path.join(place, file), 'utf8');
			if (text.split(from).length !== 2) throw new Error(`'${from}' does not stand once in ${file}`);
			await writeFile(
				path.join(place, file),
				text.replace(from, () => to),
			);
			git('commit', '-q', '-a', '-m', title);
		}
		git('format-patch', '-q', '--numbered', '--cover-letter', '-omails', `HEAD~${patches.length}`);
		const names = (await readdir(path.join(place, 'mails'))).sort();
		return Buffer.concat(await Promise.all(names.map(name => readFile(path.join(place, 'mails', name)))));
	} finally {
		await rm(place, { recursive: true, force: true });
	}
}
