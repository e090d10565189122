import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { poll } from '../../../src/lib/index.ts';
import { connectQmp } from '../../../src/qmp/index.ts';
import { settledLeftovers } from '../../../test/testing/leftovers.ts';
import { temporaryFolder, vpmu } from '../../../test/testing/vpmu.ts';
import type { KeptGuest } from '../../run/kept/kept.ts';

const cases = { VPMU_CASES: 'test/faults/testing/cases' };

test.serial('--keep leaves the guest of one cell, with console, QMP and gdb, until it is ended', async t => {
	const folder = await temporaryFolder(t);
	const tmp = path.join(folder, 't');
	await mkdir(tmp);
	const env = { ...cases, TMPDIR: tmp, VPMU_FAULT_FOLDER: folder };
	const run = await vpmu(['run', 'fault/boots', '--keep', '--out', path.join(folder, 'run')], { env });
	t.is(run.status, 0, run.stderr);
	const listed: KeptGuest[] = JSON.parse((await vpmu(['kept', 'list', '--json'], { env })).stdout);
	const kept = listed.find(one => one.runFolder === path.join(folder, 'run'))!;
	t.teardown(() => vpmu(['kept', 'end', kept.id], { env }));
	for (const word of [`vpmu kept console ${kept.id}`, kept.sockets.qmp, kept.sockets.gdb, `vpmu kept end ${kept.id}`]) {
		t.true(run.stderr.includes(word), run.stderr);
	}

	const qmp = await connectQmp(kept.sockets.qmp);
	t.like(await qmp.execute('query-status'), { running: true });
	await qmp.close();

	const console = connect(kept.sockets.console);
	let shown = '';
	console.on('data', bytes => {
		shown += bytes;
	});
	console.write('\necho $((6 * 7)) guests\n');
	await poll('an answer of the shell', () => (shown.includes('42 guests') ? true : undefined), { timeoutMs: 20_000 });
	console.destroy();

	const gdb = connect(kept.sockets.gdb);
	gdb.write('$qSupported#37');
	const [answer] = await Array.fromAsync(gdb.take(1));
	t.regex(String(answer), /PacketSize=/);
	gdb.destroy();

	const end = await vpmu(['kept', 'end', kept.id], { env });
	t.is(end.status, 0, end.stderr);
	t.deepEqual(await settledLeftovers({ mark: folder, folders: [tmp] }, 20_000), []);
});

test.serial("when a guest's keeper is killed, nothing is left and the list forgets it", async t => {
	const folder = await temporaryFolder(t);
	const tmp = path.join(folder, 't');
	await mkdir(tmp);
	const env = { ...cases, TMPDIR: tmp, VPMU_FAULT_FOLDER: folder };
	const run = await vpmu(['run', 'fault/starts', '--keep', '--out', path.join(folder, 'run')], { env });
	t.is(run.status, 0, run.stderr);
	const list = async () => JSON.parse((await vpmu(['kept', 'list', '--json'], { env })).stdout) as KeptGuest[];
	const kept = (await list()).find(one => one.runFolder === path.join(folder, 'run'))!;
	process.kill(kept.keeperPid, 'SIGKILL');
	t.deepEqual(await settledLeftovers({ mark: folder, folders: [tmp] }, 20_000), []);
	t.false((await list()).some(one => one.id === kept.id));
});

test('--keep takes one cell', async t => {
	const { status, stderr } = await vpmu(['run', 'fault/starts', 'fault/boots', '--keep'], { env: cases });
	t.is(status, 2);
	t.regex(
		stderr,
		/option '--keep' needs exactly one cell to run, but 2 would run; name one, such as --cell 'fault\/boots/,
	);
});
