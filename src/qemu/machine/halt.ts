import { setTimeout as delay } from 'node:timers/promises';
import type { Blame } from '../../lib/errors.ts';
import { QemuError } from '../errors.ts';
import type { QmpAsk } from '../vcpu.ts';
import { describeEvent, type QmpWatch } from './qmp-watch.ts';

/** The parts of a machine that show whether QEMU has stopped it. */
export interface HaltSubject {
	readonly qmp: QmpAsk;
	readonly watch: QmpWatch;
	readonly process: { readonly argv: readonly string[]; stderrLines(count?: number): readonly string[] };
}

/** A machine may be stopped briefly, for example for a snapshot. A shorter stop does not count. */
const graceMs = 1500;
const askMs = 5000;

/** Who is to blame for a run state (qapi/run-state.json), and its meaning. */
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
 * Settles as `work` does, which needs a running guest. Rejects if QEMU stops the machine and leaves it stopped, with the
 * reason from QMP. The evidence is QEMU's own (the event STOP, `query-status`), so a slow machine is never mistaken for a
 * stopped one.
 *
 * @param doing what is waiting, as the end of "QEMU has stopped the machine while ..."
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

/** Resolves once QEMU has stopped the machine for longer than the grace period. Rejects with the signal's reason. */
async function haltError(subject: HaltSubject, doing: string, signal: AbortSignal): Promise<QemuError> {
	const { qmp, watch } = subject;
	for (;;) {
		await nextStop(watch, signal);
		await delay(graceMs, undefined, { signal });
		if (watch.stop === undefined) continue;
		// A QEMU that does not answer is reported elsewhere.
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
