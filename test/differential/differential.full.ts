import test from 'ava';
import { runBatch } from './batch.ts';
import { type Comparison, compareStart } from './compare.ts';
import { type DifferentialCase, randomCase, randomFrom } from './generate.ts';
import { shrinkCase } from './shrink.ts';
import { qemusWithChoice, testBoard } from './testing/board.ts';

const seed = Number(process.env.VPMU_SEED ?? 20261122);
const count = Number(process.env.VPMU_TREES ?? 320);
/** Cases that one command on the host answers: enough to make a round trip cheap, few enough to see it go on. */
const batchSize = 40;

// This test needs a build of the posted patch; without one there is nothing to compare.
const withChoice = qemusWithChoice.length > 0 ? test.serial : test.serial.skip;

withChoice(`${count} random hosts: the real QEMU chooses as predicted, or shows a known finding`, async t => {
	t.timeout(3_600_000);
	await using board = await testBoard('uniform', text => t.log(text));
	const { host, facts, tools } = board;
	const versions = Object.keys(tools.qemu);
	const realType = Number(Object.entries(facts.kvm.setPmuTypes ?? {}).find(([, answer]) => answer === 'ok')?.[0]);
	t.true(realType > 0, 'KVM on the host takes an event source');

	const random = randomFrom(seed);
	const cases = Array.from({ length: count }, (_, index) => {
		const version = versions[index % versions.length]!;
		return randomCase(random, { realType, version, machines: ['virt-8.1', 'virt-9.2'] });
	});
	const compare = async (some: readonly DifferentialCase[]): Promise<Comparison[]> => {
		const seen = await runBatch(host, facts, some, tools, { timeoutMs: 900_000 });
		return some.map((one, index) => compareStart(facts, one, seen[index]!));
	};

	const tally = new Map<string, number>();
	const unexplained: string[] = [];
	for (let at = 0; at < cases.length; at += batchSize) {
		const batch = cases.slice(at, at + batchSize);
		for (const [index, comparison] of (await compare(batch)).entries()) {
			const kind = comparison.outcome === 'finding' ? comparison.findings.join('+') : comparison.outcome;
			tally.set(kind, (tally.get(kind) ?? 0) + 1);
			if (comparison.outcome !== 'unexplained') continue;
			const smallest = await shrinkCase(batch[index]!, async some =>
				(await compare(some)).map(({ outcome }) => outcome === 'unexplained'),
			);
			unexplained.push(JSON.stringify({ smallest, comparison }, null, 2));
		}
	}
	const { agrees = 0, unexplained: open = 0, ...found } = Object.fromEntries(tally);
	const findings = Object.entries(found).map(([finding, times]) => `${finding} ${times}`);
	const total = Object.values(found).reduce((sum, times) => sum + times, 0);
	t.log(
		`${count} trees (seed ${seed}, QEMU ${versions.join(' and ')}): ${agrees} agree, ${total} findings (${findings.sort().join(', ')}), ${open} unexplained`,
	);
	t.deepEqual(unexplained, []);
	t.is(agrees + total, count);
});
