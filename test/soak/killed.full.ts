import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { copyCache } from '../testing/cache.ts';
import { settledLeftovers } from '../testing/leftovers.ts';
import { startVpmu, temporaryFolder, vpmu } from '../testing/vpmu.ts';

/** Kills vpmu at a random moment of a run, and looks for anything it may have left. */
async function killAtRandom(
	t: ExecutionContext,
	argv: readonly string[],
	{ times, longestMs, cases }: { times: number; longestMs: number; cases?: string },
): Promise<void> {
	const folder = await temporaryFolder(t);
	const tmp = path.join(folder, 't');
	await mkdir(tmp);
	const cache = await copyCache(path.join(folder, 'cache'));
	const env = {
		...{ TMPDIR: tmp, VPMU_CACHE: cache, VPMU_FAULT_FOLDER: folder },
		...(cases === undefined ? {} : { VPMU_CASES: cases }),
	};
	const traces = { mark: folder, folders: [tmp, path.join(cache, 'tmp')] };
	const moments: number[] = [];
	for (let time = 0; time < times; time++) {
		const momentMs = Math.round(100 + Math.random() * longestMs);
		moments.push(momentMs);
		const child = startVpmu(['run', '--out', path.join(folder, `run-${time}`), ...argv], { env });
		child.stdout.resume();
		child.stderr.resume();
		await Promise.race([delay(momentMs), new Promise(resolve => child.once('exit', resolve))]);
		child.kill('SIGKILL');
		const left = await settledLeftovers(traces, 20_000);
		t.deepEqual(left, [], `after SIGKILL at ${momentMs} ms`);
	}
	t.log(`killed after ${moments.join(', ')} ms`);
	// An interrupted run must not hinder the next one.
	const end = await vpmu(['run', '--out', path.join(folder, 'last'), ...argv], { env });
	t.is(end.status, 0, end.stdout + end.stderr);
	t.deepEqual(await settledLeftovers(traces, 20_000), [], 'after a complete run');
}

test.serial('SIGKILL at 20 random moments of a run leaves no process, mount, socket, lock or file', async t => {
	t.timeout(900_000);
	await killAtRandom(t, ['fault/boots', 'fault/starts'], {
		...{ times: 20, longestMs: 7000, cases: 'test/faults/testing/cases' },
	});
});

test.serial('SIGKILL at random moments of a run on a board leaves nothing either', async t => {
	t.timeout(900_000);
	await killAtRandom(t, ['pmu/default-counts', '--on', 'board:uniform', '--qemu', 'debian:trixie'], {
		...{ times: 4, longestMs: 20_000 },
	});
});
