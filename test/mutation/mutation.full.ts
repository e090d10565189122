import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { type Cell, planCells } from '../../harness/plan/plan.ts';
import { defaultSelection } from '../../harness/plan/select.ts';
import { type Run, startRun } from '../../harness/run/run.ts';
import { packageFolder } from '../../harness/usage/places.ts';
import { CellSession } from '../../harness/worker/session.ts';
import { Connections } from '../../src/host/index.ts';
import { unless } from '../../src/lib/testing/unless.ts';
import { qemusWithChoice } from '../differential/testing/board.ts';
import { type Counterpart, contradictionsOf, type Layer, layers, layersOf, rowOf } from './counterpart.ts';
import { counterparts } from './counterparts.ts';

// A QEMU with the PMU choice is a build of the posted patch; without one, Debian's QEMU also shows all layers.
const [withChoice] = qemusWithChoice;
const able = counterparts.filter(one => one.needsChoice !== true || withChoice !== undefined);
const caught = new Map<string, readonly Layer[]>();

let run: Run;
let folder: string;

async function cellOf(counterpart: Counterpart): Promise<Cell> {
	const { topology, cell, name } = counterpart;
	const qemu = counterpart.needsChoice === true ? withChoice! : 'debian:trixie';
	const selection = { ...defaultSelection([]), qemus: [qemu] };
	const [planned] = planCells([{ case: 'false-proof', title: name, matrix: { topology: [topology] } }], selection);
	return { ...planned!, ...cell, id: `false-proof[${name}]` };
}

/** Runs a counterpart's body, falsified or not, and returns the layers that contradict, with their messages. */
async function tried(counterpart: Counterpart, isFalse: boolean) {
	// Return the lease last: an unused board is paused.
	await using lease = await run.broker.acquire((await cellOf(counterpart)).id);
	await using connections = new Connections();
	await using owned = new AsyncDisposableStack();
	const cell = await cellOf(counterpart);
	let given: typeof lease | Awaited<ReturnType<NonNullable<Counterpart['falsify']>>> = lease;
	if (isFalse && counterpart.falsify !== undefined) {
		const honest = new CellSession(cell, lease, {}, { connections });
		owned.defer(() => honest.close());
		await honest.prepare();
		given = await counterpart.falsify(lease, honest, owned);
	}
	const session = new CellSession(cell, given, {}, { connections });
	owned.defer(() => session.close());
	await session.prepare();
	let readings: Awaited<ReturnType<Counterpart['body']>>;
	try {
		readings = await (isFalse ? counterpart.body : (counterpart.control ?? counterpart.body))(session);
	} catch (error) {
		// QEMU's end is an observation; any other error is not the intended falsehood.
		if (session.observations.start?.state !== 'exited') throw error;
	}
	await session.close();
	const contradictions = contradictionsOf(session, readings);
	return {
		layers: layersOf(contradictions),
		words: contradictions.map(one => `${one.layer}: expected ${one.expected}, but ${one.seen}`),
	};
}

test.before(async () => {
	folder = mkdtempSync(path.join(tmpdir(), 'vpmu-false-proof-'));
	const cells = await Promise.all(able.map(cellOf));
	run = await startRun({ argv: ['false-proof'], env: process.env, cells, out: path.join(folder, 'run') });
});

test.after.always(async () => {
	await run?.finish({ interrupted: false });
	rmSync(folder, { recursive: true, force: true });
});

for (const counterpart of counterparts) {
	const declare = unless(
		able.includes(counterpart) ? undefined : 'VPMU_QEMU_WITH_CHOICE names no QEMU that chooses a PMU',
		{ serial: true },
	);
	declare(`caught: ${counterpart.name}`, async t => {
		const seen = await tried(counterpart, true);
		for (const words of seen.words) t.log(words);
		t.deepEqual(seen.layers, counterpart.caughtBy, counterpart.lie);
		caught.set(counterpart.name, seen.layers);
	});
	if (counterpart.falsify === undefined || counterpart.isForetold === true) continue;
	declare(`passes without the falsehood: ${counterpart.name}`, async t => {
		const seen = await tried(counterpart, false);
		t.deepEqual(seen.words, []);
	});
}

test.serial('each layer alone catches something, so that no layer can be removed unnoticed', t => {
	for (const layer of layers) {
		const alone = [...caught].filter(([, by]) => by.length === 1 && by[0] === layer).map(([name]) => name);
		t.log(`${layer}: ${alone.join('; ')}`);
		t.true(alone.length > 0, `nothing is caught by ${layer} alone`);
	}
});

test.serial('docs/false-proof.md has the table', t => {
	// The table below this heading is that of test/builds.
	const [text = ''] = readFileSync(path.join(packageFolder, 'docs', 'false-proof.md'), 'utf8').split(
		'\n## Wrong builds\n',
	);
	const rows = text.split('\n').filter(line => line.startsWith('| ') && !/^\| (lie|---)/.test(line));
	t.deepEqual(rows, counterparts.map(rowOf));
});
