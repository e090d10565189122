import type { Host } from '../../host/host.ts';
import type { WaitOptions } from '../../lib/waiting/deadline.ts';
import { contention } from '../../lib/waiting/fair-clock.ts';
import { QemuError } from '../errors.ts';
import { startProcess, untrustedQemu } from '../process/process.ts';

/** The output of `--version`. */
export interface QemuIdentity {
	readonly version: string;
	/** The packager's suffix, such as `Debian 1:10.0.13+ds-0+deb13u1`; may be empty. */
	readonly package: string;
	/** The unchanged first line. */
	readonly text: string;
}

/** A longer first line is not QEMU's. */
const longestVersion = 500;

/** Parses the first line of `qemu-system-… --version`; `undefined` if it is not QEMU's. */
export function parseVersion(text: string): QemuIdentity | undefined {
	const line = text.slice(0, longestVersion).split('\n', 1)[0]!.trim();
	const match = /^QEMU emulator version (\d+\.\d+\.\d+)(?:\S*)(?: \((.*)\))?$/.exec(line);
	return match === null ? undefined : { version: match[1]!, package: match[2] ?? '', text: line };
}

/**
 * Asks a program for its version: the cheapest check that it is a QEMU and runs on the host.
 *
 * @throws QemuError when it does not run on the host or is not a QEMU; HostError; DeadlineError; the signal's reason
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
			`'${command.join(' ')}' on ${host.name} is not QEMU: it says '${evidence[0] ?? ''}' to --version`,
			{
				...{ failure: 'exited', argv, blame: 'user', evidence: evidence.slice(-20) },
			},
		);
	}
	// Start it again through startProcess, which diagnoses why a program cannot run.
	await using process = await startProcess(host, argv);
	throw await process.deathError('it was asked for its version');
}
