import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { junitOf, type Results, type RunEvent, RunFolder, resultsOf } from '../src/index.ts';
import type { Broker, EventBody } from './broker.ts';
import { version } from './main.ts';
import type { Cell } from './plan.ts';
import { type ResourceOptions, Resources } from './resources.ts';
import { Slots } from './slots.ts';

export interface RunOptions extends Partial<ResourceOptions> {
	readonly argv: readonly string[];
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly cells: readonly Cell[];
	/** Run folder; default `vpmu-runs/ID` below the current one. */
	readonly out?: string | undefined;
	/** Cells side by side; default one per core. */
	readonly jobs?: number | undefined;
	readonly onEvent?: (event: RunEvent) => void;
}

/** A run that has been started: its broker, its folder, and the end of it. */
export interface Run {
	readonly broker: Broker;
	readonly folder: RunFolder;
	/** Writes the end and the results, and lets go of hosts and boards. */
	finish(options: { interrupted: boolean }): Promise<Results>;
}

/** A name that sorts by time and is unique: `2026-11-22T15-20-33Z-3fa9`. */
function newRunId(): string {
	return `${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}Z-${randomBytes(2).toString('hex')}`;
}

/** Makes the run folder and the broker; nothing is booted until a cell asks. @throws UsageError for a folder that cannot be used */
export async function startRun(options: RunOptions): Promise<Run> {
	const id = newRunId();
	const folder = new RunFolder(options.out ?? path.join('vpmu-runs', id));
	const startedAt = new Date();
	const events: RunEvent[] = [];
	const emit = (body: EventBody) => {
		const event = { at: new Date().toISOString(), ...body } as RunEvent;
		events.push(event);
		folder.append(event);
		options.onEvent?.(event);
	};
	emit({
		event: 'run-start',
		run: { id, startedAt: startedAt.toISOString(), argv: options.argv, vpmu: version },
		cells: options.cells,
	});
	const slots = new Slots(options.jobs ?? Math.max(1, availableParallelism()));
	const resources = new Resources({
		kernel: options.kernel ?? 'debian:trixie',
		boardKernel: options.boardKernel ?? 'debian:trixie',
		env: options.env,
		...(options.signal === undefined ? {} : { signal: options.signal }),
		onProgress: (what, done, total) =>
			emit({
				event: 'progress',
				what,
				...(done === undefined ? {} : { done }),
				...(total === undefined ? {} : { total }),
			}),
	});

	const broker: Broker = {
		async acquire(cell, signal) {
			const release = await slots.claim(1, signal);
			try {
				const artifacts = path.join(folder.path, RunFolder.cellFolder(cell.id));
				mkdirSync(artifacts, { recursive: true });
				const lease = await resources.ready(cell, { artifacts, runFolder: folder.path });
				return {
					...lease,
					async [Symbol.asyncDispose]() {
						release();
					},
				};
			} catch (error) {
				release();
				throw error;
			}
		},
		emit,
		async [Symbol.asyncDispose]() {
			await finish({ interrupted: false });
		},
	};

	// The boards of a run are started side by side; what goes wrong is said by the cells that need them.
	for (const on of new Set(options.cells.filter(cell => cell.skip === null).map(cell => cell.on))) {
		if (on.startsWith('board:')) resources.host(on).catch(() => undefined);
	}

	let finished: Promise<Results> | undefined;
	const finish = ({ interrupted }: { interrupted: boolean }) => {
		finished ??= (async () => {
			try {
				await resources[Symbol.asyncDispose]();
			} finally {
				emit({ event: 'run-end', durationMs: Date.now() - startedAt.getTime(), interrupted });
				const results = resultsOf(events);
				folder.write('results.json', `${JSON.stringify(results, null, 2)}\n`);
				folder.write('junit.xml', junitOf(results));
				folder[Symbol.dispose]();
			}
			return resultsOf(events);
		})();
		return finished;
	};
	return { broker, folder, finish };
}
