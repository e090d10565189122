import path from 'node:path';
import { quoteCommand } from '../lib/text/quote.ts';
import { type WaitOptions, within } from '../lib/waiting/deadline.ts';
import { startArchive } from './files/archive.ts';
import { hashContent } from './files/content.ts';
import { checked, existing, type Unpack, unpackOver } from './files/transfer.ts';
import type { Host } from './host.ts';

/** How much of what was provided is kept on a host for later. */
export interface ProviderLimits {
	/** Copies that no vpmu has used for so many days are removed. */
	readonly unusedDays: number;
	/** If all copies together are larger, those that were unused for longest are removed. */
	readonly sizeMiB: number;
}

const defaultLimits: ProviderLimits = { unusedDays: 14, sizeMiB: 4096 };

export interface ProviderOptions {
	/** A path on the host; `~/` is the home folder there. */
	readonly store: string;
	/** Another user than vpmu's also reads the copies. */
	readonly isShared: boolean;
	readonly unpack?: Unpack | undefined;
	/**
	 * The folder on the host that lives as long as the connection, with its file `owner` (see agent.ts): what this connection
	 * has provided is in use for as long. Without it, nothing is ever removed: for hosts that end with the connection.
	 */
	readonly agentFolder?: string | undefined;
	readonly limits?: ProviderLimits | undefined;
}

/**
 * Creates the store `$1` with mode `$4`, prints its path, and `there` if it already contains `$2/$3`. With the name of an
 * agent's folder as `$5`, the copy is marked as used by it; the lock keeps a copy that was found from being removed before it
 * is marked. A host without flock(1) removes nothing, so that it needs no lock.
 */
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
const findOrPrepare = `case $1 in "~/"*) folder=$HOME/${'${1#??}'};; *) folder=$1;; esac
mkdir -p -m "$4" -- "$folder" && cd "$folder" && pwd -P || exit
find='[ ! -e "$1/$2" ] || echo there'
[ -n "$5" ] || exec sh -c "$find" sh "$2" "$3"
mark='mkdir -p -m 700 .used && : >".used/$1.$3" && touch -c -- "$1"; '
command -v flock >/dev/null || exec sh -c "$mark$find" sh "$2" "$3" "$5"
exec flock -s . sh -c "$mark$find" sh "$2" "$3" "$5"`;

/** Renames `$1` to `$2`. If another process has created `$2` in the meantime, keeps that one. */
const settle = 'mv -T -- "$1" "$2" 2>/dev/null || { [ -d "$2" ] && rm -rf -- "$1"; }';

/**
 * Removes copies from the store `$1` that are in no use: those older than `$2` days, and the oldest beyond `$3` KiB together;
 * also uploads that were broken off a day ago. A mark whose agent has ended is removed first (see agent.ts for the start time).
 * Does nothing while another one does it, or where there is no flock(1).
 */
const prune = `cd -- "$1" || exit
flock -n . sh -c '
started() { IFS= read -r stat <"/proc/$1/stat" 2>/dev/null || return; set -- \${stat##*)}; printf %s "\${20}"; }
lives() { read -r pid since 2>/dev/null <"/tmp/$1/owner" && [ "$(started "$pid")" = "$since" ]; }
for mark in .used/*; do
	name=\${mark#.used/}
	lives "\${name#*.}" || rm -f -- "$mark"
done
free() {
	case $1 in *[!0-9a-f]*) return 1 ;; esac
	for mark in .used/"$1".*; do [ ! -e "$mark" ] || return 1; done
}
for entry in *; do
	free "$entry" && [ -n "$(find "$entry" -maxdepth 0 -mtime +"$1")" ] && mv -- "$entry" ".old-$entry.$$"
done
total=$(du -sk . | cut -f 1)
ls -1tr | while IFS= read -r entry && [ "$total" -gt "$2" ]; do
	free "$entry" || continue
	total=$((total - $(du -sk -- "$entry" | cut -f 1)))
	mv -- "$entry" ".old-$entry.$$"
done
' sh "$2" "$3"
rm -rf -- .old-*
find . -maxdepth 1 -name ".new-*" -mtime +0 -exec rm -rf -- {} +`;

/** Content provided on a host, by its hash. */
export class Provider {
	readonly #host: Host;
	readonly #options: ProviderOptions;
	readonly #known = new Map<string, Promise<string>>();

	constructor(host: Host, options: ProviderOptions) {
		this.#host = host;
		this.#options = options;
	}

	/** @see Host.provide */
	async provide(file: string, options: WaitOptions): Promise<string> {
		const localPath = await existing(this.#host, file);
		const hash = await within(`reading ${localPath}`, hashContent(localPath), options);
		let known = this.#known.get(hash);
		if (known === undefined) {
			known = this.#bring(localPath, hash, options);
			this.#known.set(hash, known);
			known.catch(() => this.#known.delete(hash));
		}
		return await within(`copying ${localPath} to ${this.#host.name}`, known, options);
	}

	async #bring(localPath: string, hash: string, options: WaitOptions): Promise<string> {
		const { store, isShared, agentFolder, unpack = unpackOver(this.#host) } = this.#options;
		const name = path.basename(localPath);
		const agent = agentFolder === undefined ? '' : path.posix.basename(agentFolder);
		const argv = ['sh', '-c', findOrPrepare, 'sh', store, hash, name, isShared ? '755' : '700', agent];
		const answer = await checked(this.#host, 'making the folder for copies', argv, options);
		const [root = '', there] = answer.split('\n');
		const final = `${root}/${hash}`;
		if (there === 'there') return `${final}/${name}`;
		const into = `${root}/.new-${crypto.randomUUID()}`;
		try {
			await using archive = await startArchive(localPath);
			await unpack(archive, into, quoteCommand(['sh', '-c', settle, 'sh', into, final]), options);
		} catch (error) {
			await this.#host.run(['rm', '-rf', '--', into], { timeoutMs: 10_000 }).catch(() => undefined);
			throw error;
		}
		if (agentFolder !== undefined) await this.#prune(root, options);
		return `${final}/${name}`;
	}

	/** The store grows only when something is brought, so that is when it is pruned. What cannot be removed stays. */
	async #prune(root: string, options: WaitOptions): Promise<void> {
		const { unusedDays, sizeMiB } = this.#options.limits ?? defaultLimits;
		await this.#host.run(['sh', '-c', prune, 'sh', root, String(unusedDays), String(sizeMiB * 1024)], options);
	}
}
