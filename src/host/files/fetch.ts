import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { messageOf } from '../../lib/errors.ts';
import { lastLinesOf, shorten } from '../../lib/text/foreign.ts';
import { type WaitOptions, within } from '../../lib/waiting/deadline.ts';
import { HostError } from '../errors.ts';
import type { GetOptions, Host, ReadOptions } from '../host.ts';
import { lastLines } from '../lines.ts';

/*
 * Files of a host may be written by untrusted programs, such as a QEMU under test. So only the bytes of a regular file are
 * copied, up to a limit, into a file that this process creates. Links, devices, folders, modes and names are not copied.
 */

const defaultReadBytes = 64 * 1024 * 1024;
const defaultGetBytes = 1024 * 1024 * 1024;

/** An open foreign file, ready to read its content. */
interface Opened extends AsyncDisposable {
	readonly sizeBytes: number;
	readonly content: AsyncIterable<Buffer>;
	/** Resolves at the end of the content: with the reason if it is incomplete, otherwise `undefined`. */
	readonly ended: () => Promise<string | undefined>;
}

interface OpenOptions {
	readonly from: number;
	readonly maxBytes: number;
	/** Ends the read. */
	readonly signal: AbortSignal;
}

type Open = (options: OpenOptions) => Promise<Opened>;

/**
 * Reads a regular file of a host into memory. `as`: a command that drops rights and execs its arguments, used when a separate
 * process reads the file. @throws HostError, DeadlineError, the signal's reason
 */
export async function readForeign(
	host: Host,
	hostPath: string,
	options: ReadOptions,
	as: readonly string[] = [],
): Promise<Buffer> {
	const { maxBytes = defaultReadBytes, cut = false, from = 0, compressed = false } = options;
	const isPacked = compressed && host.kind !== 'local';
	return await owning(`reading '${hostPath}' of ${host.name}`, options, readMs, async (owned, signal) => {
		const file = owned.use(await openerOf(host, hostPath, { isPacked, as })({ from, maxBytes, signal }));
		const parts: Buffer[] = [];
		let have = 0;
		for await (const chunk of file.content) {
			parts.push(chunk);
			have += chunk.length;
			if (have > maxBytes) break;
		}
		if (have > maxBytes && (!cut || isPacked)) throw tooLong(host, hostPath, maxBytes);
		const problem = have > maxBytes ? undefined : await file.ended();
		if (problem !== undefined) throw copyError(host, hostPath, problem);
		const bytes = Buffer.concat(parts).subarray(0, maxBytes);
		return isPacked ? unpack(host, hostPath, bytes, maxBytes) : bytes;
	});
}

/** Default limit for reading and copying. */
const readMs = 60_000;
const getMs = 600_000;

/** Does the work within its limits, and then closes everything that it opened. */
async function owning<T>(
	what: string,
	{ signal, timeoutMs }: WaitOptions,
	defaultMs: number,
	work: (owned: AsyncDisposableStack, signal: AbortSignal) => Promise<T>,
): Promise<T> {
	const stop = new AbortController();
	await using owned = new AsyncDisposableStack();
	owned.defer(() => stop.abort(new Error('the copy is no longer wanted')));
	const result = work(owned, stop.signal);
	// After a deadline the abandoned work fails when its file is closed.
	result.catch(() => undefined);
	return await within(what, result, { signal, timeoutMs: timeoutMs ?? defaultMs });
}

/**
 * Copies a regular file of a host. Creates a new file here, replacing any file of that name; only its owner may write to it.
 * @throws HostError, DeadlineError, the signal's reason
 */
export async function getForeign(host: Host, hostPath: string, localPath: string, options: GetOptions): Promise<void> {
	const { maxBytes = defaultGetBytes } = options;
	const target = path.resolve(localPath);
	const partial = `${target}.vpmu-${crypto.randomUUID().slice(0, 8)}`;
	const work = async (owned: AsyncDisposableStack, signal: AbortSignal) => {
		const file = owned.use(await openerOf(host, hostPath, { isPacked: false, as: [] })({ from: 0, maxBytes, signal }));
		let have = 0;
		// Fails if the name exists, whatever its file type.
		await using copy = await open(partial, 'wx', 0o644);
		for await (const chunk of file.content) {
			have += chunk.length;
			if (have > maxBytes) throw tooLong(host, hostPath, maxBytes);
			await copy.writeFile(chunk);
		}
		const problem = await file.ended();
		if (problem !== undefined) throw copyError(host, hostPath, problem);
	};
	try {
		await owning(`copying '${hostPath}' from ${host.name}`, options, getMs, work);
		await rename(partial, target);
	} catch (error) {
		await rm(partial, { force: true }).catch(() => undefined);
		const { code } = error as NodeJS.ErrnoException;
		throw code === undefined || error instanceof HostError || (error as Error).name === 'DeadlineError'
			? error
			: localError(hostPath, target, error);
	}
}

function openerOf(
	host: Host,
	hostPath: string,
	there: { readonly isPacked: boolean; readonly as: readonly string[] },
): Open {
	return host.kind === 'local'
		? options => openHere(hostPath, options)
		: options => openThere(host, hostPath, { ...options, ...there });
}

/** Opens a file of this machine. A FIFO or device is opened without blocking, and then refused. */
async function openHere(file: string, { from }: OpenOptions): ReturnType<Open> {
	const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
	let handle: FileHandle;
	try {
		handle = await open(file, flags);
	} catch (cause) {
		const { code } = cause as NodeJS.ErrnoException;
		const why = code === 'ELOOP' ? 'it is a symbolic link' : code === 'ENXIO' ? notRegular : messageOf(cause);
		throw new HostError(`cannot read '${file}' of local: ${why}`, { host: 'local', failure: 'copy', cause });
	}
	const stats = await handle.stat();
	const problem = !stats.isFile() ? notRegular : stats.nlink > 1 ? otherNames : undefined;
	if (problem !== undefined) {
		await handle.close();
		throw new HostError(`cannot read '${file}' of local: ${problem}`, { host: 'local', failure: 'copy' });
	}
	return {
		sizeBytes: stats.size,
		content: handle.createReadStream({ start: from, autoClose: false }),
		ended: async () => undefined,
		[Symbol.asyncDispose]: () => handle.close(),
	};
}

const notRegular = 'it is not a regular file';
const otherNames = 'it has other names (hard links)';

/**
 * Writes the size of a regular file, and then at most `$3` bytes from byte `$2` on. The name may be replaced by a link at any
 * moment. So the script checks the opened file: the kernel's path for it must be the requested one.
 */
const send = `
export LC_ALL=C
refuse() { printf '%s\\n' "$1" >&2; exit 4; }
[ ! -L "$1" ] || refuse 'it is a symbolic link'
[ -e "$1" ] || refuse 'there is no such file'
[ -f "$1" ] || refuse '${notRegular}'
case $1 in */*) folder=\${1%/*} ;; *) folder=. ;; esac
folder=$(cd -P -- "\${folder:-/}" && pwd -P) || exit 4
exec 3<"$1" || exit 4
opened=$(readlink /proc/self/fd/3)
[ "\${opened%/*}" = "\${folder%/}" ] && [ "\${opened##*/}" = "\${1##*/}" ] || refuse 'it was replaced while it was opened'
set -- "$1" "$2" "$3" "$4" $(stat -L -c '%f %h %s' /proc/self/fd/3)
case $5 in 8???) ;; *) refuse '${notRegular}' ;; esac
[ "$6" = 1 ] || refuse '${otherNames}'
echo "vpmu-file $7"
[ "$4" = packed ] && pack='gzip -1 -c' || pack=cat
if [ "$2" = 1 ]; then head -c "$3" <&3; else tail -c "+$2" <&3 | head -c "$3"; fi | $pack`;

const openMs = 30_000;
const longestHeading = 64;

async function openThere(
	host: Host,
	file: string,
	{
		from,
		maxBytes,
		signal,
		isPacked,
		as,
	}: OpenOptions & { readonly isPacked: boolean; readonly as: readonly string[] },
): ReturnType<Open> {
	const words = [file, String(from + 1), String(maxBytes + 1), isPacked ? 'packed' : 'plain'];
	await using stack = new AsyncDisposableStack();
	const child = stack.use(await host.spawn([...as, 'sh', '-c', send, 'vpmu-send', ...words]));
	child.stdin.on('error', () => undefined);
	child.stdin.end();
	const stderr = lastLines(child.stderr);
	const chunks = (child.stdout as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
	const opening = readHeading(chunks);
	opening.catch(() => undefined);
	const limits = { signal, timeoutMs: openMs };
	const heading = await within(`opening '${file}' on ${host.name}`, opening, limits);
	if (heading === undefined) {
		await within(`opening '${file}' on ${host.name}`, child.exited, limits);
		throw copyError(host, file, stderr().at(-1) ?? 'nothing of it came');
	}
	const owned = stack.move();
	return {
		sizeBytes: heading.sizeBytes,
		content: contentOf(heading.rest, chunks),
		ended: async () => {
			const { status } = await child.exited;
			return status === 0 ? undefined : (stderr().at(-1) ?? 'its sending broke off');
		},
		[Symbol.asyncDispose]: () => owned.disposeAsync(),
	};
}

async function* contentOf(first: Buffer, more: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void> {
	if (first.length > 0) yield first;
	for (let next = await more.next(); next.done !== true; next = await more.next()) yield next.value;
}

/** Reads the header line; `undefined` if it is not one. */
async function readHeading(chunks: AsyncIterator<Buffer>): Promise<{ sizeBytes: number; rest: Buffer } | undefined> {
	let begun = Buffer.alloc(0);
	while (begun.length < longestHeading) {
		const { value, done } = await chunks.next();
		if (done === true) return undefined;
		begun = Buffer.concat([begun, value]);
		const end = begun.indexOf(10);
		if (end === -1) continue;
		const size = /^vpmu-file (\d{1,15})$/.exec(begun.toString('latin1', 0, Math.min(end, longestHeading)))?.[1];
		return size === undefined ? undefined : { sizeBytes: Number(size), rest: begun.subarray(end + 1) };
	}
	return undefined;
}

function unpack(host: Host, file: string, bytes: Buffer, maxOutputLength: number): Buffer {
	try {
		return gunzipSync(bytes, { maxOutputLength });
	} catch (cause) {
		throw copyError(host, file, `the received data cannot be unpacked: ${messageOf(cause)}`, cause);
	}
}

function tooLong(host: Host, file: string, maxBytes: number): HostError {
	return copyError(host, file, `it is longer than ${maxBytes} bytes`);
}

function copyError(host: Host, file: string, why: string, cause?: unknown): HostError {
	return new HostError(`cannot read '${file}' of ${host.name}: ${shorten(why, 300)}`, {
		host: host.name,
		failure: 'copy',
		evidence: lastLinesOf(why),
		blame: host.kind === 'board' ? 'board' : 'host',
		...(cause === undefined ? {} : { cause }),
	});
}

function localError(hostPath: string, target: string, cause: unknown): HostError {
	return new HostError(`cannot copy '${hostPath}' to '${target}': ${messageOf(cause)}`, {
		host: 'local',
		failure: 'copy',
		cause,
	});
}
