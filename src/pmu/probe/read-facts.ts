import { VpmuError } from '../../lib/errors.ts';
import { lastLinesOf } from '../../lib/text/foreign.ts';
import type { WaitOptions } from '../../lib/waiting/deadline.ts';
import type { HostFacts } from '../facts.ts';
import { factsFromScript } from './from-script.ts';
import { factsScript } from './script.ts';

/** Output limit; the largest hosts print a twentieth of it. */
const mostBytes = 8 * 1024 * 1024;

/** The part of a host that reading its facts needs. */
export interface FactsHost {
	readonly name: string;
	readonly topology: string | null;
	run(
		argv: readonly string[],
		options?: WaitOptions,
	): Promise<{
		readonly status: number | null;
		readonly signal: string | null;
		readonly stdout: Buffer;
		readonly stderr: Buffer;
	}>;
}

/**
 * Reads a host's facts with a single command on the host.
 *
 * `kvmFactsPath` is the host path of the kvm-facts program, which runs on aarch64 only. Without it, or if it
 * cannot run, what only KVM itself can answer is `unknown`, with the reason. Changes nothing on the host.
 *
 * @throws VpmuError (blame `host`) when the script cannot be run or its output cannot be parsed
 * @throws whatever `host.run` throws
 */
export async function readHostFacts(
	host: FactsHost,
	{ kvmFactsPath, ...wait }: WaitOptions & { readonly kvmFactsPath?: string | undefined } = {},
): Promise<HostFacts> {
	const result = await host.run(['sh', '-c', factsScript, 'vpmu-facts', kvmFactsPath ?? ''], wait);
	const stderr = result.stderr.toString();
	if (result.stdout.length === 0) {
		const end = result.signal === null ? `status ${result.status}` : result.signal;
		throw new VpmuError(`the facts of ${host.name} cannot be read: sh ended with ${end}`, {
			blame: 'host',
			evidence: lastLinesOf(stderr),
		});
	}
	if (result.stdout.length > mostBytes) {
		const text = `the facts of ${host.name} are ${result.stdout.length} bytes long; ${mostBytes} are allowed`;
		throw new VpmuError(text, { blame: 'host', evidence: lastLinesOf(result.stdout.toString('utf8', 0, 1000)) });
	}
	return factsFromScript(host, result.stdout.toString(), stderr);
}
