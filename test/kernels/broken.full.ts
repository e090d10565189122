import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { Conformance } from '../../src/pmu/index.ts';
import { vpmu } from '../testing/vpmu.ts';
import { brokenKernels } from './broken.ts';

const timeoutMs = 1_800_000;
const here = (name: string) => path.join(import.meta.dirname, name);

/** Builds Debian's Linux with patches on top. @returns the path of its Image */
async function built(patches: readonly string[]): Promise<string> {
	const options = patches.flatMap(name => ['--patch', here(name)]);
	const { status, stdout, stderr } = await vpmu(
		['kernel', 'build', '--source', 'debian:trixie', '--json', ...options],
		{
			timeoutMs,
		},
	);
	if (status !== 0) throw new Error(stderr);
	return (JSON.parse(stdout) as { image: string }).image;
}

async function conformance(image: string) {
	const { status, stdout, stderr } = await vpmu(
		['probe', '--conformance', '--json', '--on', 'board:biglittle', '--board-kernel', image],
		{ timeoutMs },
	);
	const found = JSON.parse(stdout || 'null') as Conformance | null;
	if (found === null) throw new Error(stderr);
	const deviating = found.checks.filter(check => check.status === 'deviates').map(({ id }) => id);
	const log = process.env.VPMU_BROKEN_LOG;
	if (log !== undefined) await appendFile(log, `${image} ${status} ${deviating} ${found.kernelLog}\n`);
	return { status, told: [...deviating, ...(found.kernelLog?.length === 0 ? [] : ['kernel-log'])], found };
}

test.serial('the fixed counters for Linux 6.12 answer by the rules of version 7', async t => {
	const { status, found } = await conformance(await built(['fixed-counters-only-6.12.patch']));
	t.is(status, 0);
	t.is(found.fixedCounters, 'v7');
});

for (const { name, onFixed, what, told } of brokenKernels) {
	test.serial(`${name}: ${what}, and is told`, async t => {
		t.timeout(timeoutMs);
		const below = onFixed ? ['fixed-counters-only-6.12.patch'] : [];
		const ended = await conformance(await built([...below, `broken/${name}.patch`]));
		t.is(ended.status, 1);
		t.deepEqual(ended.told.toSorted(), [...told].sort());
	});
}
