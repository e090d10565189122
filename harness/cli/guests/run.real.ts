import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { debianQemu, hostArchitecture, openCache } from '../../../src/image/index.ts';
import { quoteCommand } from '../../../src/lib/index.ts';
import type { CellResult } from '../../../src/run/index.ts';
import { readRun, temporaryFolder, userEnvironment, vpmu } from '../../../test/testing/vpmu.ts';
import { avaProgram } from '../../run/rounds/ava.ts';
import { packageFolder } from '../../usage/places.ts';

const cases = 'test/faults/testing/cases';

async function run(t: ExecutionContext, ...argv: string[]) {
	const folder = await temporaryFolder(t);
	const out = path.join(folder, 'run');
	const env = { VPMU_CASES: cases, VPMU_FAULT_FOLDER: folder };
	const end = await vpmu(['run', '--out', out, ...argv], { env });
	return { ...end, out, folder, ...readRun(out) };
}

test.serial('--retries: a cell with an error is retried, both attempts are kept, and the cell is flaky', async t => {
	const { status, stdout, cell, out } = await run(t, 'fault/recovers', '--retries', '2');
	t.is(status, 0, stdout);
	t.like(cell, { status: 'pass', flaky: true });
	t.is(cell.attempts?.length, 1);
	const [first] = cell.attempts!;
	t.like(first, { status: 'error', blame: 'host', reason: 'the host was away' });
	t.true(existsSync(path.join(out, first!.folder, 'argv.json')));
	t.true(existsSync(path.join(out, cell.artifacts['argv.json']!)));
	t.regex(stdout, /note: fault\/recovers.*: flaky: pass at attempt 2; before: error \(host\): the host was away/);
});

test.serial('--retries does not retry a failure by default', async t => {
	const once = await run(t, 'fault/asserts', '--retries', '1');
	t.is(once.status, 1);
	t.is(once.cell.attempts, undefined);
	const twice = await run(t, 'fault/asserts', '--retries', '1', '--retry-failures');
	t.is(twice.status, 1);
	t.like(twice.cell, { status: 'fail', flaky: false });
	t.is(twice.cell.attempts?.length, 1);
});

test.serial('--quarantine excuses a failure until its last day', async t => {
	const folder = await temporaryFolder(t);
	const list = path.join(folder, 'list');
	writeFileSync(list, 'fault/asserts 2999-12-31 issue 12\n');
	const excused = await run(t, 'fault/asserts', '--quarantine', list);
	t.is(excused.status, 0, excused.stdout);
	t.like(excused.cell, { status: 'xfail' });
	t.regex(excused.cell.reason!, /^in quarantine until 2999-12-31 \(issue 12\): a demand that nothing meets/);
	writeFileSync(list, 'fault/asserts 2020-01-01 issue 12\n');
	const expired = await run(t, 'fault/asserts', '--quarantine', list);
	t.is(expired.status, 1);
	t.regex(expired.stdout, /note: fault\/asserts.*: its quarantine ended on 2020-01-01/);
});

test.serial('--bisect: only a failure of the thing under test makes a commit bad', async t => {
	const code = async (...argv: string[]) => (await run(t, '--bisect', ...argv)).status;
	t.is(await code('fault/starts'), 0);
	t.is(await code('fault/asserts'), 1);
	t.is(await code('fault/throws'), 125);
	t.is(await code('fault/starts', '--qemu', '/no/such/build/qemu-system-aarch64'), 125);
	t.is(await code('fault/starts', '--accel', 'tcg', '--machine', 'virt-99.9'), 125);
	t.is(await code('fault/no-such-case'), 128);
});

test.serial('a case run by AVA directly gives the same result as the command line, and says where it is', t => {
	const ava = avaProgram();
	const alone = spawnSync(process.execPath, [ava, 'cases/pmu/tcg-counts.ts'], {
		...{ cwd: packageFolder, env: userEnvironment(), encoding: 'utf8', timeout: 120_000 },
	});
	t.is(alone.status, 0, alone.stdout + alone.stderr);
	const folder = /^(vpmu-runs\/\S+)$/m.exec(alone.stdout + alone.stderr)?.[1];
	t.truthy(folder, alone.stdout + alone.stderr);
	const own = path.join(packageFolder, folder!);
	t.teardown(() => rmSync(own, { recursive: true }));
	const commanded = spawnSync(
		process.execPath,
		[path.join(packageFolder, 'harness/bin.mjs'), 'run', 'pmu/tcg-counts', '--json', '--out', path.join(own, 'again')],
		{ env: userEnvironment(), encoding: 'utf8', timeout: 120_000 },
	);
	const comparable = ({ perf, timings, ...rest }: CellResult) => ({
		...rest,
		perf: perf.map(({ event, state }) => ({ event, state })),
		timings: Object.keys(timings),
	});
	t.deepEqual(readRun(own).results?.cells.map(comparable), JSON.parse(commanded.stdout).cells.map(comparable));
});

test.serial('repro.sh runs the cell again, and warns about what has changed since', async t => {
	const { root, command } = await debianQemu(await openCache(), 'trixie', hostArchitecture());
	const folder = await temporaryFolder(t);
	const [qemu, copy] = [path.join(folder, 'qemu'), path.join(folder, 'root')];
	// What a wrapper names has to be open to others, which root's cache is not.
	spawnSync('sh', ['-c', 'chmod 755 "$1" && cp -a "$2" "$3"', 'sh', folder, root, copy]);
	writeFileSync(qemu, `#!/bin/sh\nexec ${quoteCommand(command(copy))} "$@"\n`, { mode: 0o755 });
	const { out, cell } = await run(t, 'fault/starts', '--qemu', qemu);
	t.is(cell.status, 'pass');
	const script = path.join(out, path.dirname(cell.artifacts['argv.json']!), 'repro.sh');
	t.notRegex(readFileSync(script, 'utf8'), /undefined/);
	const again = (name: string) =>
		spawnSync(script, ['--out', path.join(folder, name)], {
			...{ env: { ...userEnvironment(), VPMU_CASES: cases }, encoding: 'utf8', timeout: 120_000 },
		});
	const same = again('same');
	t.is(same.status, 0, same.stderr);
	t.is(same.stderr, '');
	appendFileSync(qemu, '# built again\n');
	const other = again('other');
	t.is(other.status, 0, other.stderr);
	t.regex(
		other.stderr,
		/^repro\.sh: the QEMU program has changed since: \S+\/qemu is [0-9a-f]{64}, was [0-9a-f]{64}\n$/,
	);
	t.is(readRun(path.join(folder, 'other')).cell.id, cell.id);
});
