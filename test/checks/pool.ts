import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { dir } from 'tmp-promise';
import { superviseByDescriptor } from '../../src/host/processes/supervise.ts';
import { harmless } from '../../src/lib/index.ts';
import type { Answered, Asked } from './warm.ts';

/** Runs of one process, before what it loaded is given back with it. */
const mostRuns = 150;

/** One process after another that runs test files in itself. */
class Runner implements AsyncDisposable {
	readonly #cwd: string;
	readonly #temporary: string;
	#child: ChildProcess | undefined;
	#runs = 0;

	constructor(cwd: string, temporary: string) {
		this.#cwd = cwd;
		this.#temporary = temporary;
	}

	/** @returns the answer; a process that ended or did not answer in time is told as a test that failed */
	async ask(asked: Asked, timeoutMs: number): Promise<Answered> {
		if (this.#runs++ >= mostRuns) await this.#end();
		const child = this.#child ?? this.#start();
		const ended = new AbortController();
		const timer = setTimeout(() => ended.abort(`no end within ${timeoutMs / 1000} s`), timeoutMs);
		const onExit = () => ended.abort('the process ended');
		child.once('exit', onExit);
		try {
			const answer = once(child, 'message', { signal: ended.signal });
			child.send(asked);
			const [answered] = await answer;
			return answered;
		} catch (error) {
			if (!ended.signal.aborted) throw error;
			await this.#end();
			return { red: { file: asked.tests.at(-1) ?? '', title: String(ended.signal.reason), error: '' }, ms: timeoutMs };
		} finally {
			clearTimeout(timer);
			child.off('exit', onExit);
		}
	}

	#start(): ChildProcess {
		this.#runs = 1;
		const program = [
			process.execPath,
			'--disable-warning=ExperimentalWarning',
			path.join(import.meta.dirname, 'warm.ts'),
		];
		// A runner is killed with what its tests have started, however it ends, and when this process ends.
		const child = spawn('sh', ['-c', superviseByDescriptor(), 'sh', ...program], {
			cwd: this.#cwd,
			detached: true,
			env: { ...process.env, TMPDIR: this.#temporary },
			stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'ipc'],
		});
		const lifeline = harmless(child.stdio[3] as Duplex);
		child.once('exit', () => {
			lifeline.destroy();
			if (this.#child === child) this.#child = undefined;
		});
		this.#child = child;
		return child;
	}

	async #end(): Promise<void> {
		const child = this.#child;
		this.#child = undefined;
		if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
		const exited = once(child, 'exit');
		child.kill('SIGKILL');
		await exited;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#end();
	}
}

/** Gives each item to one of `size` runners; results in the order of the items. */
export async function withRunners<Item, Result>(
	cwd: string,
	size: number,
	items: readonly Item[],
	work: (item: Item, ask: Runner['ask']) => Promise<Result>,
): Promise<Result[]> {
	const results: Result[] = [];
	let next = 0;
	// What tests that are killed leave in it goes with it.
	const temporary = await dir({ prefix: 'vpmu-checks-', unsafeCleanup: true });
	const one = async () => {
		await using runner = new Runner(cwd, temporary.path);
		for (let at = next++; at < items.length; at = next++) {
			results[at] = await work(items[at]!, (asked, timeoutMs) => runner.ask(asked, timeoutMs));
		}
	};
	try {
		await Promise.all(Array.from({ length: Math.min(size, items.length) }, one));
	} finally {
		await temporary.cleanup();
	}
	return results;
}
