import type { Host } from '../../host/host.ts';
import type { WaitOptions } from '../../lib/deadline.ts';
import { contention } from '../../lib/fair-clock.ts';
import { QemuError } from '../errors.ts';
import { startProcess, untrustedQemu } from '../process/process.ts';

/** What a program says of itself to `--version`. */
export interface QemuIdentity {
	readonly version: string;
	/** What the packager added, such as `Debian 1:10.0.13+ds-0+deb13u1`; empty when nothing. */
	readonly package: string;
	/** The first line as it came. */
	readonly text: string;
}

/** A first line that is longer is not QEMU's. */
const longestVersion = 500;

/** Reads the first line of `qemu-system-… --version`; `undefined` when it is not QEMU's. */
export function parseVersion(text: string): QemuIdentity | undefined {
	const line = text.slice(0, longestVersion).split('\n', 1)[0]!.trim();
	const match = /^QEMU emulator version (\d+\.\d+\.\d+)(?:\S*)(?: \((.*)\))?$/.exec(line);
	return match === null ? undefined : { version: match[1]!, package: match[2] ?? '', text: line };
}

/**
 * Asks a program for its version: the cheapest way to see that it is a QEMU and that it runs on the host.
 *
 * @throws QemuError when it does not run there or is no QEMU; HostError; DeadlineError; the signal's reason
 */
export async function identifyQemu(
	host: Host,
	command: readonly string[],
	options: WaitOptions = { timeoutMs: 10_000 * contention() },
): Promise<QemuIdentity> {
	const argv = [...command, '--version'];
	const { stdout, stderr, status } = await host.run(argv, { ...options, untrusted: untrustedQemu });
	const identity = status === 0 ? parseVersion(stdout.toString('utf8')) : undefined;
	if (identity !== undefined) return identity;
	const evidence = `${stderr}${stdout}`.split('\n').filter(line => line !== '');
	if (status === 0) {
		throw new QemuError(
			`'${command.join(' ')}' on ${host.name} is no QEMU: it says '${evidence[0] ?? ''}' to --version`,
			{
				...{ failure: 'exited', argv, blame: 'user', evidence: evidence.slice(-20) },
			},
		);
	}
	// Started again to be looked into: the process knows how to tell what could not run.
	await using process = await startProcess(host, argv);
	throw await process.deathError('it was asked for its version');
}
