import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { processesWith, settledLeftovers } from '../testing/leftovers.ts';
import { readRun, startVpmu, temporaryFolder, vpmu } from '../testing/vpmu.ts';

const cells = 300;
const mebibyte = 2 ** 20;

interface Sample {
	readonly pid: number;
	readonly what: 'run' | 'AVA' | 'worker';
	readonly memoryBytes: number;
	readonly descriptors: number;
}

function whatIs(command: string): Sample['what'] {
	if (command.includes('/ava/lib/worker/')) return 'worker';
	return command.includes('/ava/') ? 'AVA' : 'run';
}

const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test(`${cells} cells in one process: memory and descriptors stay flat, nothing is left`, async t => {
	t.timeout(1_500_000);
	const folder = await temporaryFolder(t);
	const tmp = path.join(folder, 't');
	await mkdir(tmp);
	// The first start of a version compiles it, which takes some 50 MB more that a long run does not need.
	const env = { VPMU_CASES: 'test/faults/testing/soak', VPMU_SOAK: '1' };
	const first = await vpmu(['run', '--out', path.join(folder, 'first')], { env });
	t.is(first.status, 0, first.stdout + first.stderr);
	const child = startVpmu(['run', '--out', path.join(folder, 'run')], {
		env: {
			...{ TMPDIR: tmp, VPMU_FAULT_FOLDER: folder, VPMU_SOAK: String(cells) },
			VPMU_CASES: 'test/faults/testing/soak',
		},
	});
	let said = '';
	for (const stream of [child.stdout, child.stderr]) {
		stream.on('data', bytes => {
			said = (said + bytes).slice(-3000);
		});
	}
	const ended = new Promise<number | null>(resolve => child.once('exit', resolve));
	const samples: Sample[][] = [];
	for (;;) {
		if ((await Promise.race([ended, delay(1000, 'sample')])) !== 'sample') break;
		const found = await processesWith(folder);
		const own = found.filter(one => one.isNode);
		samples.push(own.map(({ command, ...rest }) => ({ ...rest, what: whatIs(command) })));
	}
	t.is(await ended, 0, said);
	t.is(readRun(path.join(folder, 'run')).results?.summary.pass, cells);
	t.deepEqual(await settledLeftovers({ mark: folder, folders: [tmp] }, 20_000), []);

	const total = samples.map(sample => sample.reduce((sum, one) => sum + one.memoryBytes, 0));
	const peak = total.indexOf(Math.max(...total));
	const stated = samples[peak]!.map(({ what, memoryBytes }) => `${what} ${Math.round(memoryBytes / mebibyte)}`);
	t.log(
		`peak ${Math.round(total[peak]! / mebibyte)} MiB (${stated.join(', ')}) in sample ${peak} of ${samples.length}`,
	);

	// The first fifth is warm-up; after that the end is compared with the beginning.
	const steady = samples.slice(Math.floor(samples.length / 5), -2);
	const half = Math.floor(steady.length / 2);
	for (const what of ['run', 'worker'] as const) {
		const of = (part: readonly (readonly Sample[])[], key: 'memoryBytes' | 'descriptors') =>
			average(part.flatMap(sample => sample.filter(one => one.what === what).map(one => one[key])));
		const descriptors = [of(steady.slice(0, half), 'descriptors'), of(steady.slice(half), 'descriptors')] as const;
		const memory = [of(steady.slice(0, half), 'memoryBytes'), of(steady.slice(half), 'memoryBytes')] as const;
		t.log(
			`${what}: ${descriptors.map(value => value.toFixed(1)).join(' then ')} descriptors, ${memory.map(value => (value / mebibyte).toFixed(1)).join(' then ')} MiB`,
		);
		t.true(descriptors[1] < descriptors[0] + 4, `${what}: ${descriptors.join(' then ')} descriptors`);
		t.true(memory[1] < memory[0] + 12 * mebibyte, `${what}: ${memory.join(' then ')} bytes`);
	}
	t.true(total[peak]! < 200 * mebibyte, stated.join(', '));
});
