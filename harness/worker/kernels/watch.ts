import { appendFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
	describeKernelTrouble,
	incidentsOf,
	isStall,
	type KernelReport,
	type KnownMessage,
	knownMessages,
	processesNamed,
	type SortedLog,
	sortKernelLog,
} from '../../../src/guest/index.ts';
import { type Host, type KernelLogMark, kernelLogSince, markKernelLog } from '../../../src/host/index.ts';
import { messageOf } from '../../../src/lib/index.ts';
import type { KernelLogObservation, KernelReportSeen, Observations } from '../../../src/pmu/index.ts';
import type { Machine } from '../../../src/qemu/index.ts';
import type { Lease } from '../../protocol/lease.ts';
import type { Guest } from '../guest/guest.ts';

type Note = KernelLogObservation['known'][number];

const askMs = 30_000;

/**
 * Watches what the kernels around a cell log: the host's from a mark at the start on, and the guests', read before each
 * restart and at the end. Both logs are kept as files of the cell.
 */
export class KernelWatch {
	readonly #host: Host;
	readonly #lease: Lease;
	readonly #guests = new Map<Machine, Guest>();
	readonly #machines = new Set<Machine>();
	/** Machines that ended after their guests' logs had been read. */
	readonly #ended = new Set<Machine>();
	readonly #pids = new Set<number>();
	readonly #guestLogs: SortedLog[] = [];
	readonly #expected: KnownMessage[] = [];
	#mark: KernelLogMark | undefined;
	#unread: KernelLogObservation['unread'] = null;
	/** What the consoles of guests showed last that can no longer be asked. */
	readonly #lastLines: string[] = [];
	/** Why vCPUs did not run for a while, if that was on purpose. */
	#heldUp: string | undefined;
	#hostKernel: KernelLogObservation | undefined;
	readonly #files: Record<string, string> = {};

	constructor(host: Host, lease: Lease) {
		this.#host = host;
		this.#lease = lease;
	}

	/** What was logged so far, in the form that the verdict takes. */
	get observed(): Pick<Observations, 'guestKernel' | 'hostKernel'> {
		const guestKernel = this.#guestKernel();
		// Of a guest that was never opened, its console may still have shown trouble.
		const wasSeen = this.#guests.size + guestKernel.reports.length + this.#lastLines.length > 0;
		return {
			...(wasSeen ? { guestKernel } : {}),
			...(this.#hostKernel === undefined ? {} : { hostKernel: this.#hostKernel }),
		};
	}

	/** Paths of the kept logs, by name. */
	get files(): Readonly<Record<string, string>> {
		return this.#files;
	}

	/** Marks the host's kernel log: only later records matter. @throws HostError */
	async begin(): Promise<void> {
		const { slowness } = this.#lease;
		this.#mark = await markKernelLog(this.#host, { timeoutMs: askMs * slowness });
	}

	/** Notes that a machine of the cell has started. */
	async machineStarted(machine: Machine): Promise<void> {
		this.#machines.add(machine);
		await this.#tellProcesses(machine);
	}

	/** Reads the guest's kernel log before its machine is ended. @throws what asking a guest throws */
	async machineEnds(machine: Machine): Promise<void> {
		const guest = this.#guests.get(machine);
		if (guest !== undefined && this.#silent(machine, guest.isLost) === undefined) {
			await this.readGuest(guest);
			this.#ended.add(machine);
		}
	}

	/** Registers a guest whose kernel log is read at the end. */
	add(guest: Guest): void {
		this.#guests.set(guest.machine, guest);
	}

	/** Registers a message that is expected in this cell, besides those that are always known. */
	expectTrouble(message: KnownMessage): void {
		this.#expected.push(message);
	}

	/** Notes that vCPUs are kept from running on purpose, so that kernel messages about lost time are excused. */
	holdUp(why: string): void {
		this.#heldUp ??= why;
	}

	/** Reads the log of a guest's kernel. @throws what asking a guest throws */
	async readGuest(guest: Guest, timeoutMs = askMs): Promise<void> {
		const lines = await guest.kernelLog(timeoutMs);
		if (lines === undefined) {
			// Outranks that another guest was gone: this one could have been asked.
			if (this.#unread?.expected !== false)
				this.#unread = { reason: 'the guest has no dmesg that can read it', expected: false };
			return;
		}
		appendFileSync(this.#file('guest-kernel.log'), `${lines.join('\n')}\n`);
		this.#guestLogs.push(this.#sorted(lines, 'guest'));
	}

	/**
	 * Reads the logs of all guests that can be asked. For a cell that has already failed, reads what it can and never
	 * throws. @throws what asking a guest throws
	 */
	async settle({ hasFailed }: { readonly hasFailed: boolean }): Promise<void> {
		for (const machine of this.#machines) await this.#tellProcesses(machine);
		for (const guest of this.#guests.values()) {
			if (this.#ended.has(guest.machine)) continue;
			const why = this.#silent(guest.machine, guest.isLost);
			if (why !== undefined) this.#lastSeen(guest.machine, why);
			else if (!hasFailed) await this.readGuest(guest);
			else {
				await this.readGuest(guest, 5000).catch(error => {
					this.#lastSeen(guest.machine, messageOf(error));
				});
			}
		}
		for (const machine of hasFailed ? this.#machines : []) {
			const why = this.#silent(machine, false);
			const isKnown = this.#guests.has(machine) || machine.spec.kernel === undefined;
			if (why !== undefined && !isKnown) this.#lastSeen(machine, why);
		}
	}

	/** Keeps what a console showed last, in the place of a log that can no longer be read. */
	#lastSeen({ console }: Machine, reason: string): void {
		this.#unread ??= { reason, expected: true };
		const lines = console.lastLines(20);
		this.#lastLines.push(...lines);
		if (lines.length === 0) return;
		appendFileSync(this.#file('guest-kernel.log'), `-- last lines of the console; ${reason}\n${lines.join('\n')}\n`);
	}

	/** Reads what the host's kernel has logged. Never throws: an unreadable log is part of the observations. */
	async end(): Promise<void> {
		if (this.#mark === undefined) return;
		const { slowness, othersProcesses } = this.#lease;
		try {
			const { lines, unread } = await kernelLogSince(this.#host, this.#mark, { timeoutMs: askMs * slowness });
			const log = this.#sorted(lines, 'host');
			if (lines.length > 0) writeFileSync(this.#file('host-kernel.log'), `${lines.join('\n')}\n`);
			const others = log.reports.length === 0 ? [] : ((await othersProcesses?.()) ?? []);
			const { own, notes } = attribute(log.reports, this.#pids, new Set(others));
			this.#hostKernel = {
				unread: unread === null ? null : { reason: unread, expected: true },
				reports: own.map(seen),
				known: [...log.known, ...notes],
			};
		} catch (error) {
			this.#hostKernel = { unread: { reason: messageOf(error), expected: true }, reports: [], known: [] };
		}
	}

	#sorted(lines: readonly string[], of: 'guest' | 'host'): SortedLog {
		const { kernel, facts } = this.#lease;
		const release = of === 'guest' ? kernel.release : facts.kernel.release;
		return sortKernelLog(lines, { of, release }, [...knownMessages, ...this.#expected]);
	}

	#file(name: string): string {
		const file = path.join(this.#lease.artifacts, name);
		this.#files[name] = file;
		return file;
	}

	/** Returns why a guest cannot be asked, if that is already known. */
	#silent(machine: Machine, isLost: boolean): string | undefined {
		if (isLost) return 'its vCPUs cannot run on any CPU of the host';
		if (machine.process.exit !== undefined) return 'its QEMU had ended';
		if (machine.stopped !== undefined) return 'QEMU had stopped the machine';
		if (machine.console.fatal !== undefined) return `the guest was gone: ${machine.console.fatal.line.trim()}`;
		if (machine.timings.shellMs === null) return 'its shell had not been opened';
		return undefined;
	}

	async #tellProcesses({ process }: Machine): Promise<void> {
		// A board has one cell at a time.
		if (this.#host.kind === 'board' || process.exit !== undefined) return;
		const found = await this.#host
			.run(['ls', `/proc/${process.pid}/task`], { timeoutMs: askMs })
			.catch(() => undefined);
		const pids = [process.pid, ...(found?.stdout.toString().split(/\s+/).filter(Boolean).map(Number) ?? [])];
		for (const pid of pids) this.#pids.add(pid);
		this.#lease.tellProcesses?.(pids);
	}

	#guestKernel(): KernelLogObservation {
		const logs = [...this.#guestLogs, ...this.#consoleLogs()];
		const notes: Note[] = logs.flatMap(log => log.known);
		const reports = new Map<string, KernelReport>();
		for (const report of logs.flatMap(log => log.reports)) {
			if (this.#heldUp !== undefined && isStall(report)) {
				notes.push(noteOf(report, `${this.#heldUp}, so the guest lost time`));
			} else if (!reports.has(report.line)) reports.set(report.line, report);
		}
		const lastLines = this.#lastLines.length === 0 ? {} : { lastLines: this.#lastLines };
		return { unread: this.#unread, reports: [...reports.values()].map(seen), known: once(notes), ...lastLines };
	}

	/** Returns what the consoles showed: all there is of a guest that is gone. */
	#consoleLogs(): SortedLog[] {
		return [...this.#machines]
			.filter(machine => machine.spec.kernel !== undefined)
			.map(machine => {
				const { kernelReports } = machine.console;
				// Only by their lines: text between them on a console may come from anything.
				const { known, reports } = this.#sorted(
					kernelReports.map(report => report.line),
					'guest',
				);
				const troubles = new Set(reports.map(report => report.line));
				return { known, reports: kernelReports.filter(report => troubles.has(report.line)) };
			});
	}
}

/** Host reports that say nothing about its kernel. */
const notTheKernel: Readonly<Partial<Record<KernelReport['kind'], string>>> = {
	'oom-kill': 'the host ran out of memory, which is not a fault of its kernel',
	hardware: 'a fault of the hardware is not a fault of the kernel',
};

/**
 * Selects the host kernel's reports that belong to a cell: those that name one of its processes, and those that name
 * none. Reports that name a process of another cell belong to that cell.
 */
export function attribute(
	reports: readonly KernelReport[],
	own: ReadonlySet<number>,
	others: ReadonlySet<number>,
): { readonly own: readonly KernelReport[]; readonly notes: readonly Note[] } {
	const mine: KernelReport[] = [];
	const notes: Note[] = [];
	for (const incident of incidentsOf(reports)) {
		const named = processesNamed(incident.flatMap(report => report.lines));
		const isOthers = !named.some(pid => own.has(pid)) && named.some(pid => others.has(pid));
		for (const report of incident) {
			const excuse = isOthers ? 'names a process of another cell that ran in parallel' : notTheKernel[report.kind];
			if (excuse === undefined) mine.push(report);
			else notes.push(noteOf(report, excuse));
		}
	}
	return { own: mine, notes: once(notes) };
}

function once(notes: readonly Note[]): readonly Note[] {
	return [...new Map(notes.map(note => [`${note.name} ${note.reason}`, note])).values()];
}

const nameOf = ({ kind, what }: KernelReport) => (kind === what ? kind : `${kind} ${what}`);

function noteOf(report: KernelReport, reason: string): Note {
	return { name: nameOf(report), line: report.line, reason };
}

function seen(report: KernelReport): KernelReportSeen {
	const { kind, line, lines } = report;
	return { did: describeKernelTrouble(kind), name: nameOf(report), line, lines };
}
