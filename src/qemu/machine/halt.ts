import { setTimeout as delay } from 'node:timers/promises';
import type { Blame } from '../../lib/errors.ts';
import { QemuError } from '../errors.ts';
import type { QmpAsk } from '../vcpu.ts';
import { describeEvent, type QmpWatch } from './qmp-watch.ts';

/** What is needed to know of a machine whether QEMU has stopped it. */
export interface HaltSubject {
	readonly qmp: QmpAsk;
	readonly watch: QmpWatch;
	readonly process: { readonly argv: readonly string[]; stderrLines(count?: number): readonly string[] };
}

/** A machine may be stopped for a moment, such as for a snapshot: one that goes on within this time was not in the way. */
const graceMs = 1500;
const askMs = 5000;

/** Who is behind a run state (qapi/run-state.json), and what it means. */
const states: Readonly<Record<string, readonly [Blame, string]>> = {
	'io-error': ['host', 'a disk or image file could not be read or written'],
	'internal-error': ['qemu', 'QEMU or KVM met an internal error'],
	debug: ['user', 'a debugger stopped it'],
	'guest-panicked': ['guest', 'the guest panicked'],
	watchdog: ['guest', "the guest's watchdog expired"],
	suspended: ['guest', 'the guest suspended itself'],
	shutdown: ['guest', 'the guest shut down'],
};

/**
 * Settles as `work`, which needs the guest to run, unless QEMU stops the machine and leaves it stopped: then rejects with
 * what QMP says of it. The evidence is QEMU's own (the event STOP, `query-status`), so a machine that is only slow is never
 * taken for a stopped one.
 *
 * @param doing what waits, as the end of "QEMU has stopped the machine while ..."
 * @throws QemuError failure `stopped`
 */
export async function whileRunning<T>(subject: HaltSubject, doing: string, work: Promise<T>): Promise<T> {
	const settled = new AbortController();
	const halted = haltError(subject, doing, settled.signal).then(error => {
		throw error;
	});
	halted.catch(() => undefined);
	try {
		return await Promise.race([work, halted]);
	} finally {
		settled.abort(new Error('the wait is over'));
	}
}

/** Resolves once QEMU has stopped the machine for longer than a moment. Rejects with the signal's reason. */
async function haltError(subject: HaltSubject, doing: string, signal: AbortSignal): Promise<QemuError> {
	const { qmp, watch } = subject;
	for (;;) {
		await nextStop(watch, signal);
		await delay(graceMs, undefined, { signal });
		if (watch.stop === undefined) continue;
		// A QEMU that does not answer is told of by others.
		const status = (await qmp
			.execute('query-status', undefined, { signal, timeoutMs: askMs })
			.catch(() => undefined)) as { readonly status: string; readonly running: boolean } | undefined;
		signal.throwIfAborted();
		if (status === undefined || status.running || watch.stop === undefined) continue;
		return errorOf(subject, doing, status.status, watch.stop.isOwn);
	}
}

async function nextStop(watch: QmpWatch, signal: AbortSignal): Promise<void> {
	signal.throwIfAborted();
	if (watch.stop !== undefined) return;
	const { promise, resolve, reject } = Promise.withResolvers<void>();
	const onAbort = () => reject(signal.reason);
	signal.addEventListener('abort', onAbort, { once: true });
	using _ = watch.onStop(resolve);
	try {
		await promise;
	} finally {
		signal.removeEventListener('abort', onAbort);
	}
}

function errorOf({ watch, process }: HaltSubject, doing: string, state: string, isOwn: boolean): QemuError {
	const [blame, meaning] = states[state] ?? [
		isOwn ? 'harness' : 'qemu',
		isOwn ? 'a QMP command of this session stopped it' : 'no command of this session stopped it',
	];
	const text = `the machine is not running: QEMU stopped it while ${doing} (event STOP, run state '${state}': ${meaning})`;
	return new QemuError(text, {
		failure: 'stopped',
		argv: process.argv,
		blame,
		evidence: [...process.stderrLines(10), ...watch.unexpected.map(one => `event ${describeEvent(one)}`)],
	});
}
