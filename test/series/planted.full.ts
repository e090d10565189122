import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { unless } from '../../src/lib/testing/unless.ts';
import { temporaryFolder, vpmu } from '../testing/vpmu.ts';
import { mailsOf, plantedSeries } from './planted.ts';

const source = process.env.VPMU_QEMU_SOURCE;
const withSource = unless(source === undefined ? 'VPMU_QEMU_SOURCE names no archive of QEMU 10.0' : undefined, {
	serial: true,
});

/** Reads one file out of the archive. */
async function readSource(file: string): Promise<string> {
	const argv = ['--wildcards', '-xOf', source!, `*/${file}`];
	return execFileSync('tar', argv, { encoding: 'utf8', maxBuffer: 1 << 26 });
}

/** Runs a planted series, built after each patch. */
async function tried(t: ExecutionContext, name: keyof typeof plantedSeries, argv: readonly string[]) {
	t.timeout(3_600_000);
	const folder = await temporaryFolder(t);
	const { patches, faulty } = plantedSeries[name];
	const mails = path.join(folder, `${name}.mbx`);
	await writeFile(mails, await mailsOf(patches, readSource));
	const all = ['series', mails, '--source', source!, '--each', '--out', path.join(folder, 'out'), ...argv];
	const end = await vpmu(all, { timeoutMs: 3_500_000 });
	// The verdict is wrapped for a screen.
	const said = end.stdout.replaceAll(/\s+/g, ' ');
	return { ...end, stdout: said, faulty: patches[faulty - 1]!.title };
}

const cell = ['--on', 'board:uniform', '--case', 'pmu/default-counts'];

withSource('a patch in the middle that does not build is named, although the last one repairs it', async t => {
	const { status, stderr, faulty } = await tried(t, 'does-not-build', ['--build-only']);
	t.is(status, 1, stderr);
	t.regex(stderr, new RegExp(`does not compile with patch 3 '${faulty}' .*target/arm/kvm\\.c:\\d+:\\d+: error: `));
});

withSource('a patch that breaks a machine type is named, with the machine types', async t => {
	const { status, stdout, stderr, faulty } = await tried(t, 'compatibility', cell);
	t.is(status, 1, stderr);
	t.regex(stdout, new RegExp(`patch 2 '${faulty}' is the first with which`));
	t.regex(stdout, /-> not set in virt-2\.6 to virt-9\.2 \(\d+\)/);
});

withSource('a patch that makes QEMU warn is named, with the line; that alone is not a failure', async t => {
	const { status, stdout, stderr, faulty } = await tried(t, 'warns', cell);
	t.is(status, 0, stderr);
	t.regex(stdout, new RegExp(`patch 2 '${faulty}' makes QEMU write to stderr: .*warning: vCPUs halt in the kernel`));
});

for (const name of ['leaks', 'undefined-behaviour'] as const) {
	withSource(
		`a sanitizer finds a series that ${name === 'leaks' ? name : 'has undefined behaviour'}, and the patch is named`,
		async t => {
			const { status, stdout, stderr, faulty } = await tried(t, name, [...cell, '--sanitize', 'address,undefined']);
			t.is(status, 1, stderr);
			t.regex(stdout, new RegExp(`patch \\d '${faulty}' is the first with which`));
			t.regex(stdout, name === 'leaks' ? /LeakSanitizer|leaked/ : /runtime error: shift exponent/);
		},
	);
}
