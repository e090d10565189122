import { shorten } from '../../lib/text/foreign.ts';
import { HostError, type HostFailure } from '../errors.ts';

/** ssh does not write longer lines. */
const longestLine = 500;

const rules: readonly (readonly [RegExp, HostFailure, (target: string) => string])[] = [
	[
		/Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|No .*host key is known/i,
		'host-key',
		target => `the host key of ${target} is not the known one, or none is known; connect once by hand: ssh ${target}`,
	],
	[
		/Permission denied|Too many authentication failures|No supported authentication methods|Authentication failed/i,
		'auth',
		target => `${target} refuses to authenticate us (use a key without a passphrase, or an ssh agent)`,
	],
	[/Could not resolve hostname|Name or service not known/i, 'unreachable', target => `${target}: no such host name`],
	[/Connection refused/i, 'refused', target => `${target} refuses connections: no ssh server listens there`],
	[
		/timed out|No route to host|Network is unreachable|Host is down/i,
		'unreachable',
		target => `${target} does not answer`,
	],
	[
		/Connection (closed|reset)|kex_exchange_identification|Broken pipe/i,
		'refused',
		target => `${target} closed the connection before authentication`,
	],
	[/sh: .*mktemp|mkfifo/i, 'no-tool', target => `${target} lacks a program that vpmu needs (mktemp, mkfifo)`],
];

/** Makes the error for an ssh that ended before it was connected, from its stderr. */
export function connectError(
	target: string,
	host: string,
	stderr: readonly string[],
	status: number | null,
	blame: 'host' | 'board',
): HostError {
	const text = stderr.map(line => shorten(line, longestLine)).join('\n');
	for (const [pattern, failure, sentence] of rules) {
		if (pattern.test(text)) return new HostError(sentence(target), { host, failure, evidence: stderr, blame });
	}
	if (status === 127) {
		const message = "there is no 'ssh' on this machine (Debian: openssh-client)";
		return new HostError(message, { host: 'local', failure: 'no-tool', evidence: stderr });
	}
	const last = text === '' ? undefined : shorten(stderr.at(-1)!, longestLine);
	const message = `cannot connect to ${target}: ${last ?? (status === null ? 'ssh was killed' : `ssh ended with status ${status}`)}`;
	return new HostError(message, { host, failure: 'other', evidence: stderr, blame });
}
