import test from 'ava';
import { localHost } from '../../host/local.ts';
import { startMachine } from '../machine/start.ts';
import { realQemu } from '../testing/real.ts';
import { Asker } from './ask.ts';
import { compareInspections } from './compare.ts';
import { inspectQemu } from './inspect.ts';
import type { Inspection } from './inspection.ts';

const suites = { bookworm: '7.2', trixie: '10.0', 'trixie-backports': '11.1' } as const;

async function inspect(suite: keyof typeof suites): Promise<Inspection> {
	await using host = localHost();
	return await inspectQemu(host, { command: await realQemu(suite), label: `debian:${suite}` });
}

const machinesOf = (inspection: Inspection) => ('answer' in inspection.machines ? inspection.machines.answer : []);

for (const [suite, version] of Object.entries(suites)) {
	test.serial(`Debian's QEMU ${version} says what it is`, async t => {
		const found = await inspect(suite as keyof typeof suites);
		t.true(found.version.startsWith(`${version}.`), found.version);
		t.regex(found.package, /^Debian /);
		t.is(found.target, 'aarch64');
		t.true(found.accelerators.present.includes('tcg'));
		t.is(found.pmuChoice.has, false);
		t.deepEqual(found.deaths, []);
		t.like(found.cpuModels, { max: { answer: { pmu: true, aarch64: true } } });
		t.like(found.acceleratorProperties['tcg-accel'], { answer: { 0: { type: 'bool' } } });
		const virt = machinesOf(found).filter(({ name }) => name.startsWith('virt-'));
		t.is(virt.at(-1)?.alias, 'virt');
		t.is(virt.at(-1)?.name, `virt-${version}`);
		// QEMU reports compat properties since 9.1.
		t.is(virt.at(-2)?.compatProperties === null, version === '7.2');
		t.is(virt.at(-2)?.backcompatPmu, version === '7.2' ? null : false);
	});
}

test.serial('two real QEMUs compared', async t => {
	const [before, after] = [await inspect('trixie'), await inspect('trixie-backports')];
	const { invariant, findings } = compareInspections(before, after);
	t.true(invariant.holds);
	t.true(findings.some(({ kind, text }) => kind === 'machine-type' && /^new in .*virt-11\.1/.test(text)));
	t.true(findings.some(({ kind }) => kind === 'compat-property'));
	t.deepEqual(
		findings.filter(({ severity }) => severity === 'regression'),
		[],
	);
	t.deepEqual(compareInspections(before, before).findings, []);
});

test.serial('a question that kills a real QEMU: the death is the answer', async t => {
	await using host = localHost();
	const command = await realQemu('trixie');
	const spec = {
		qemu: { command },
		machine: 'none',
		accel: 'tcg',
		cpu: '',
		vcpus: 0,
		memoryMiB: 0,
		paused: true,
	} as const;
	await using asker = new Asker(() => startMachine(host, spec), { timeoutMs: 20_000 });
	const answer = await asker.ask('qom-list-properties', { typename: 'memory-region-portio-list' });
	t.like(answer, { died: { exit: { status: null, signal: 'SIGABRT' } } });
	t.is(asker.deaths.length, 1);
	t.like(await asker.ask('query-kvm'), { answer: { enabled: false } });
});
