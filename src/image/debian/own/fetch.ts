import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { open, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { messageOf, VpmuError } from '../../../lib/errors.ts';
import { harmless } from '../../../lib/text/streams.ts';
import { eitherSignal } from '../../../lib/waiting/either-signal.ts';

/** A mirror that sends nothing for so long is given up. */
const silenceMs = 60_000;
/** No file takes longer, at whatever pace its bytes come. */
const longestMs = 60 * 60 * 1000;
const mostRedirects = 5;
const tries = 3;

export interface FetchOptions {
	/** The environment with `http_proxy`, `https_proxy` and `no_proxy`. */
	readonly env: Readonly<Record<string, string | undefined>>;
	/** More bytes than this are refused. */
	readonly most: number;
	readonly signal?: AbortSignal | undefined;
	readonly onBytes?: (count: number) => void;
}

/** The mirror answered, but not with the file. */
class Refusal extends VpmuError {
	override readonly name = 'Refusal';
}

/** The mirror does not have a file. */
export class NotOnMirrorError extends VpmuError {
	override readonly name = 'NotOnMirrorError';
}

/**
 * Fetches a file from a mirror into memory. Broken connections are tried again twice.
 * @throws NotOnMirrorError; VpmuError (blame `host`) when the mirror does not answer, or sends too much; the signal's reason
 */
export async function fetchBytes(uri: string, options: FetchOptions): Promise<Buffer> {
	return await again(uri, options, async () => {
		const pieces: Buffer[] = [];
		for await (const piece of receive(uri, options)) pieces.push(piece);
		return Buffer.concat(pieces);
	});
}

/**
 * Fetches a file whose size and SHA-256 are known. It is at `to` only if both fit.
 * @throws as {@link fetchBytes}
 */
export async function fetchFile(
	uri: string,
	to: string,
	known: { readonly sizeBytes: number; readonly sha256: string },
	options: Omit<FetchOptions, 'most'>,
): Promise<void> {
	const bounded = { ...options, most: known.sizeBytes };
	await again(uri, bounded, async () => {
		const hash = createHash('sha256');
		let sizeBytes = 0;
		try {
			await using file = await open(to, 'w', 0o600);
			for await (const piece of receive(uri, bounded)) {
				hash.update(piece);
				sizeBytes += piece.length;
				await file.writeFile(piece);
			}
			requireHash(uri, known, sizeBytes, hash.digest('hex'));
		} catch (error) {
			await rm(to, { force: true });
			throw error;
		}
	});
}

/** @throws VpmuError (blame `host`) if a file is not the one that its signed index lists */
export function requireHash(
	what: string,
	known: { readonly sizeBytes: number; readonly sha256: string },
	sizeBytes: number,
	sha256: string,
): void {
	if (sizeBytes !== known.sizeBytes) {
		throw new Refusal(`${what} has ${sizeBytes} bytes, but the signed index says ${known.sizeBytes}`, {
			blame: 'host',
		});
	}
	if (sha256 !== known.sha256) {
		throw new Refusal(`${what} has SHA-256 ${sha256}, but the signed index says ${known.sha256}`, { blame: 'host' });
	}
}

async function again<T>(uri: string, { signal }: FetchOptions, attempt: () => Promise<T>): Promise<T> {
	for (let left = tries - 1; ; left--) {
		signal?.throwIfAborted();
		try {
			return await attempt();
		} catch (error) {
			signal?.throwIfAborted();
			if (error instanceof Refusal || error instanceof NotOnMirrorError) throw error;
			if (left > 0) continue;
			throw new VpmuError(`cannot fetch ${uri}: ${messageOf(error)}`, { blame: 'host', cause: error });
		}
	}
}

async function* receive(uri: string, options: FetchOptions): AsyncGenerator<Buffer> {
	const { most, onBytes } = options;
	const tooMuch = () => new Refusal(`${uri} has more than the ${most} bytes that are allowed`, { blame: 'host' });
	let count = 0;
	for await (const piece of uri.startsWith('file:') ? local(uri) : remote(uri, options)) {
		count += piece.length;
		if (count > most) throw tooMuch();
		onBytes?.(piece.length);
		yield piece;
	}
}

/** A mirror in a folder of this machine, such as a DVD's. */
async function* local(uri: string): AsyncGenerator<Buffer> {
	try {
		yield await readFile(fileURLToPath(uri));
	} catch (cause) {
		if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
		throw new NotOnMirrorError(`there is no ${uri}`, { blame: 'host', cause });
	}
}

async function* remote(uri: string, { env, signal }: FetchOptions): AsyncGenerator<Buffer> {
	using deadline = eitherSignal(signal, AbortSignal.timeout(longestMs));
	let at = uri;
	for (let redirects = 0; ; redirects++) {
		const url = new URL(at);
		if (url.protocol !== 'http:' && url.protocol !== 'https:') {
			throw new Refusal(`cannot fetch ${at}: allowed are http, https and file`, { blame: 'host' });
		}
		const protocol = url.protocol === 'https:' ? https : http;
		const agent = new protocol.Agent({ proxyEnv: env as Record<string, string> });
		try {
			const request = harmless(
				protocol.get(url, { agent, signal: deadline.signal, headers: { 'user-agent': 'vpmu' }, timeout: silenceMs }),
			);
			request.on('timeout', () => request.destroy(new Error(`nothing came for ${silenceMs / 1000} s`)));
			const [response] = (await once(request, 'response')) as [http.IncomingMessage];
			harmless(response);
			const { statusCode: status = 0, headers } = response;
			if (status >= 300 && status < 400 && headers.location !== undefined) {
				response.destroy();
				if (redirects === mostRedirects) throw new Refusal(`${uri} redirects too often`, { blame: 'host' });
				at = new URL(headers.location, url).href;
				continue;
			}
			if (status === 404 || status === 410) {
				response.destroy();
				throw new NotOnMirrorError(`the mirror has no ${uri}`, { blame: 'host' });
			}
			if (status !== 200) {
				response.destroy();
				throw new Error(`the mirror answers ${status} ${response.statusMessage ?? ''}`.trim());
			}
			yield* response as Readable as AsyncIterable<Buffer>;
			if (!response.complete) throw new Error('the connection broke');
			return;
		} finally {
			agent.destroy();
		}
	}
}
