import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { poll } from '../src/lib/index.ts';
import { copyCache } from './testing/cache.ts';
import { settledLeftovers } from './testing/leftovers.ts';
import { startVpmu, temporaryFolder, vpmu } from './testing/vpmu.ts';

/** A cache for this test only, so that it does not see other users' boards. */
async function setting(t: ExecutionContext) {
	const folder = await temporaryFolder(t);
	const tmp = path.join(folder, 't');
	await mkdir(tmp);
	const cache = await copyCache(path.join(folder, 'cache'));
	const env = { TMPDIR: tmp, VPMU_CACHE: cache };
	const board = (...argv: string[]) => vpmu(['board', ...argv], { env });
	t.teardown(() => board('down'));
	const states = async () => (await readdir(path.join(cache, 'boards'))).filter(name => name.endsWith('.json'));
	return { env, board, cache, states, traces: { mark: folder, folders: [tmp] } };
}

test.serial('two processes that start a board at once get the same one, and list and down know it', async t => {
	t.timeout(900_000);
	const { board, states, traces } = await setting(t);
	const ends = await Promise.all([board('up', 'uniform'), board('up', 'uniform'), board('up', 'uniform')]);
	for (const { status, stdout, stderr } of ends) {
		t.is(status, 0, stderr);
		t.is(stdout, ends[0]!.stdout);
	}
	t.is((await states()).length, 1);
	t.regex((await board('list')).stdout, /^uniform .*up since/m);
	t.regex((await board('ssh', 'uniform', '--', 'uname', '-m')).stdout, /aarch64/);
	t.is((await board('down')).stdout, 'board uniform is down\n');
	t.deepEqual(await states(), []);
	t.deepEqual(await settledLeftovers(traces, 20_000), []);
	t.is((await board('down', 'uniform')).stdout, 'board uniform is not up\n');
});

test.serial('list, up and down know a board that is being started, or whose record is damaged', async t => {
	t.timeout(900_000);
	const { env, board, cache, states, traces } = await setting(t);
	const child = startVpmu(['board', 'up', 'uniform'], { env });
	const ended = new Promise(resolve => child.once('exit', resolve));
	await poll('the keeper', async () => ((await states().catch(() => [])).length > 0 ? true : undefined), {
		timeoutMs: 60_000,
	});
	// On a fast machine it may be up by then.
	t.regex((await board('list')).stdout, /^uniform .*(being started by process \d+|up since)/m);
	t.is((await board('down')).stdout, 'board uniform is down\n');
	await ended;
	t.deepEqual(await settledLeftovers(traces, 20_000), []);

	t.is((await board('up', 'uniform')).status, 0);
	const [name] = await states();
	await writeFile(path.join(cache, 'boards', name!), '');
	const list = await board('list');
	t.is(list.status, 0);
	t.regex(list.stdout, /^uniform .*kept by process \d+, but uniform\.\d+-\d+\.json is empty/m);
	const up = await board('up', 'uniform');
	t.is(up.status, 69);
	t.regex(up.stderr, /cannot be read .* 'vpmu board down uniform' ends it\n$/);
	t.is((await board('down', 'uniform')).stdout, 'board uniform is down\n');
	t.deepEqual(await settledLeftovers(traces, 20_000), []);
});

test.serial('a board whose starter is killed before it is up does not stay', async t => {
	t.timeout(900_000);
	const { env, board, states, traces } = await setting(t);
	for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
		const child = startVpmu(['board', 'up', 'uniform'], { env });
		const ended = new Promise(resolve => child.once('exit', resolve));
		await poll('the keeper', async () => ((await states().catch(() => [])).length > 0 ? true : undefined), {
			timeoutMs: 60_000,
		});
		child.kill(signal);
		await ended;
		t.deepEqual(await settledLeftovers(traces, 20_000), [], signal);
	}
	t.is((await board('up', 'uniform')).status, 0);
});
