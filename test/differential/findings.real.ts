import { runBatch } from '../../harness/worker/hosts/batch.ts';
import { compareStart } from '../../harness/worker/hosts/compare.ts';
import type { Host } from '../../src/host/index.ts';
import { quoteCommand } from '../../src/lib/index.ts';
import { unless } from '../../src/lib/testing/unless.ts';
import { wrapperArgv } from '../../src/pmu/index.ts';
import { knownFindings } from './known.ts';
import { qemusWithChoice, testBoard } from './testing/board.ts';

const withChoice = unless(
	qemusWithChoice.length > 0 ? undefined : 'VPMU_QEMU_WITH_CHOICE names no build of the posted patch',
	{ serial: true },
);

withChoice('F1 to F8, F12, F13: each smallest case shows its finding on each QEMU', async t => {
	await using board = await testBoard('uniform', text => t.log(text));
	for (const [version] of Object.entries(board.tools.qemu)) {
		const cases = knownFindings.map(known => ({
			...known.case,
			settings: { ...known.case.settings, qemu: { hasPmuChoice: true, version } },
		}));
		const seen = await runBatch(board.host, board.facts, cases, board.tools, { timeoutMs: 300_000 });
		for (const [index, { finding }] of knownFindings.entries()) {
			const comparison = compareStart(board.facts, cases[index]!, seen[index]!);
			t.log(`QEMU ${version} ${finding}: status ${seen[index]!.status} ${seen[index]!.said.at(-1) ?? ''}`);
			t.is(comparison.outcome, 'finding', `${finding}: ${JSON.stringify(comparison)}`);
			if (comparison.outcome === 'finding') t.true(comparison.findings.includes(finding), finding);
		}
	}
});

const asked = [
	'-machine',
	'virt,gic-version=3',
	'-cpu',
	'host',
	'-m',
	'64',
	'-nodefaults',
	'-display',
	'none',
	'-qmp',
	'stdio',
];

/** Runs a command on a host CPU with QMP lines as input; the input stays open for some seconds. */
async function ask(host: Host, cpu: number, argv: readonly string[], lines: readonly string[], seconds = 0) {
	const input = lines.map(line => `echo ${quoteCommand([line])};`).join(' ');
	const script = `{ ${input} sleep ${seconds}; } | timeout 30 taskset -c ${cpu} ${quoteCommand(argv)} 2>&1; echo "status $?"`;
	const result = await host.run(['sh', '-c', script], { timeoutMs: 60_000 });
	return result.stdout.toString();
}
const capabilities = '{"execute": "qmp_capabilities"}';
const quit = '{"execute": "quit"}';

withChoice('F10: qom-list-properties of kvm-accel crashes a running QEMU', async t => {
	await using board = await testBoard('uniform', text => t.log(text));
	for (const [version, qemu] of Object.entries(board.tools.qemu)) {
		const question = '{"execute": "qom-list-properties", "arguments": {"typename": "kvm-accel"}}';
		const said = await ask(board.host, 0, [...qemu, ...asked, '-accel', 'kvm', '-S'], [capabilities, question], 3);
		t.log(`QEMU ${version}: ${said.trim().split('\n').slice(-2).join(' / ')}`);
		t.regex(said, /Unable to set pmu after KVM has been initialized/);
		t.regex(said, /status 134/);
	}
});

withChoice('F11: a vCPU outside the chosen PMU spins while QMP reports running', async t => {
	await using board = await testBoard('biglittle', text => t.log(text));
	for (const [version, qemu] of Object.entries(board.tools.qemu)) {
		const start = [...qemu, ...asked, '-accel', 'kvm,pmu=11', '-d', 'unimp'];
		// The log of one second can be large, so the host counts the lines.
		const counted = [
			'sh',
			'-c',
			'"$@" 2>&1 | awk "/exit reason 9/ { n++; next } { print } END { print \\"exits\\", n + 0 }"',
			'sh',
			...start,
		];
		const script = (cpu: number) =>
			board.host.run(
				[
					'sh',
					'-c',
					`{ echo '${capabilities}'; sleep 1; echo '{"execute": "query-status"}'; echo '${quit}'; sleep 1; } | timeout 30 taskset -c ${cpu} ${quoteCommand(counted)}`,
				],
				{ timeoutMs: 60_000 },
			);
		const outside = (await script(0)).stdout.toString();
		t.log(`QEMU ${version} on CPU 0: ${/exits \d+/.exec(outside)?.[0]}`);
		t.regex(outside, /"status": "running"/);
		t.true(Number(/exits (\d+)/.exec(outside)?.[1]) > 10, 'refused entries, one after the other');
		t.regex((await script(1)).stdout.toString(), /exits 0/);
	}
});

withChoice('F14: the backend depends on the CPU on which QEMU happens to start', async t => {
	await using board = await testBoard('partial', text => t.log(text));
	const withPmu = Number(board.facts.kvm.vcpuInitCpus);
	const shim = { path: board.tools.shimPath, words: 'fixed-counters-only', log: '/dev/null' };
	for (const [version, qemu] of Object.entries(board.tools.qemu)) {
		const start = [
			...wrapperArgv({ shim, root: true }),
			...qemu,
			...asked,
			'-accel',
			'kvm',
			'-S',
			'-trace',
			'kvm_arm_set_pmu*',
		];
		const question =
			'{"execute": "qom-get", "arguments": {"path": "/machine/unattached/device[0]", "property": "pmu"}}';
		const on = (cpu: number) => ask(board.host, cpu, start, [capabilities, question, quit]);
		const [inside, outside] = [await on(withPmu), await on(1 - withPmu)];
		t.log(`QEMU ${version}: on CPU ${withPmu} fixed counters, on CPU ${1 - withPmu} none`);
		t.regex(inside, /kvm_arm_set_pmu_fixed_counters_only ret 0/);
		t.notRegex(outside, /kvm_arm_set_pmu/);
		t.regex(outside, /Property '[^']*\.pmu' not found/);
	}
});
