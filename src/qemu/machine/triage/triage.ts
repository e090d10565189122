import { setTimeout as delay } from 'node:timers/promises';
import type { SerialConsole } from '../../../guest/console.ts';
import type { Host } from '../../../host/host.ts';
import { messageOf } from '../../../lib/errors.ts';
import type { WaitOptions } from '../../../lib/waiting/deadline.ts';
import { contention } from '../../../lib/waiting/fair-clock.ts';
import { diagnoseVcpus, type QmpAsk } from '../../vcpu.ts';

/** The parts of a machine to examine. The triage owns none of them. */
export interface TriageSubject {
	readonly host: Host;
	readonly qmp: QmpAsk;
	readonly console: SerialConsole;
	readonly pid: number;
	/** The file of QEMU's `-D` on the host. */
	readonly logPath: string;
	/** The last lines of QMP traffic, oldest first. */
	readonly qmpLines: readonly string[];
}

/** One question and its answer. */
export interface TriageSection {
	readonly title: string;
	readonly lines: readonly string[];
}

const stepMs = 5000;
/** Time that a kernel needs to print all its CPUs on a slow UART, multiplied by the speed factor. */
const sysrqMs = 1500;

/** Prints the stacks of all QEMU threads, if the host has gdb. */
const stacks = `
command -v gdb >/dev/null || { echo 'this host has no gdb'; exit 0; }
exec gdb -p "$1" -batch -nx -iex 'set debuginfod enabled off' -ex 'set pagination off' -ex 'thread apply all bt 12' 2>&1 </dev/null`;

/**
 * Examines a hanging guest: the vCPUs' states and registers over QMP, the kernel's own backtraces (sysrq by a break on the
 * serial line; a kernel that does not allow it says so), QEMU's stacks, and the last lines of QMP and console. Each part has
 * a short limit; a part that fails says why. Never rejects.
 */
export async function triage(subject: TriageSubject): Promise<readonly TriageSection[]> {
	const { host, qmp, console, pid } = subject;
	// Save these before the triage adds its own lines.
	const [consoleLines, qmpLines] = [console.lastLines(), [...subject.qmpLines]];
	const limits = { timeoutMs: stepMs * contention() };
	const monitor = async (line: string) =>
		String(await qmp.execute('human-monitor-command', { 'command-line': line }, limits)).split(/\r?\n/);
	let cannotEnter: string | undefined;
	const sections = [
		await section('run state (query-status)', async () => [
			JSON.stringify(await qmp.execute('query-status', undefined, limits)),
		]),
		await section('vCPUs', async () => {
			const vcpus = await diagnoseVcpus(subject, limits);
			cannotEnter = vcpus.find(({ verdict }) => verdict === 'cannot-enter')?.text;
			return vcpus.map(({ text }) => text);
		}),
		await section('registers (info registers -a)', () => monitor('info registers -a')),
	];
	if (cannotEnter === undefined) {
		sections.push(
			await section('kernel backtraces (sysrq l and w)', () => sysrq(qmp, console, limits)),
			await section('stacks of QEMU (gdb)', async () => {
				const { stdout } = await host.run(['sh', '-c', stacks, 'sh', String(pid)], {
					timeoutMs: 2 * stepMs * contention(),
				});
				return stdout.toString('utf8').split('\n');
			}),
		);
	} else {
		const lines = [`left out, since nothing in the guest can run: ${cannotEnter}`];
		sections.push({ title: 'kernel backtraces, stacks of QEMU', lines });
	}
	return [
		...sections,
		{ title: 'last of QMP', lines: qmpLines },
		{ title: 'last of the console', lines: consoleLines },
	];
}

async function section(title: string, ask: () => Promise<readonly string[]>): Promise<TriageSection> {
	try {
		const lines = (await ask()).map(line => line.trimEnd()).filter(line => line !== '');
		return { title, lines: lines.length === 0 ? ['nothing came'] : lines };
	} catch (error) {
		return { title, lines: [`not available: ${messageOf(error)}`] };
	}
}

/** After a break, the kernel takes the next character as a command (Linux, Documentation/admin-guide/sysrq.rst). */
async function sysrq(qmp: QmpAsk, console: SerialConsole, limits: WaitOptions): Promise<readonly string[]> {
	const from = console.position;
	// 9 raises the console log level, so that the following output is printed even on a quiet kernel.
	for (const key of ['9', 'l', 'w']) {
		await qmp.execute('chardev-send-break', { id: 'console' }, limits);
		await console.write(key);
		await delay(key === '9' ? 100 : sysrqMs * console.speedFactor);
	}
	return console.textSince(from).split('\n');
}

/** Formats a triage as text for people. */
export function describeTriage(sections: readonly TriageSection[]): string {
	return sections.map(({ title, lines }) => `== ${title}\n${lines.join('\n')}\n`).join('\n');
}
