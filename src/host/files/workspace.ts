import { spawn } from 'node:child_process';
import { chmod, mkdir, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { tmpName } from 'tmp-promise';
import { messageOf, systemFault } from '../../lib/errors.ts';
import { temporaryRoot } from '../../lib/files/temporary-root.ts';
import { HostError } from '../errors.ts';
import type { HostFolder } from '../host.ts';

/**
 * The script that owns a workspace folder: creates the folder `$1`, holds a lock on it, and removes it at the end of its
 * input, that is when its owner ends for any reason. The script creates the folder itself. Otherwise an owner killed before
 * it started the script would leave the folder behind.
 */
export const janitor = `trap '' HUP INT QUIT TERM PIPE; mkdir -m 700 -- "$1" && exec 9<"$1" && flock -n 9 || exit 1
echo; exec >&- 2>&-
read -r _; rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }`;

/**
 * Removes folders whose janitors were killed (a stopped container, a power failure): their locks are free. A folder that is
 * just being created is not locked yet.
 */
const sweep = `cd -- "$1" || exit
for folder in vpmu-*-w-*; do
	[ -O "$folder" ] && [ -d "$folder" ] && [ ! -L "$folder" ] || continue
	[ -n "$(find "$folder" -maxdepth 0 -mmin +1)" ] && flock -n "$folder" rm -rf -- "$folder"
done`;
let isSwept = false;

/** Runs the sweep in the background, because the caller does not depend on it. */
function sweepOnce(root: string): void {
	if (isSwept) return;
	isSwept = true;
	const sweeper = spawn('sh', ['-c', sweep, 'vpmu-sweeper', root], { stdio: 'ignore', detached: true });
	sweeper.on('error', () => undefined);
	sweeper.unref();
}

/**
 * Creates a private folder (mode 0700) with a short path, below the temporary folder. It is removed when disposed of, and
 * also when this process is killed. The caller owns it.
 * @throws HostError when it cannot be created, or no shell can be started to remove it
 */
export async function makeWorkspace(): Promise<HostFolder> {
	const { path: root } = temporaryRoot();
	sweepOnce(root);
	const folder = await tmpName({ template: `vpmu-${process.pid}-w-XXXXXX`, tmpdir: root });
	const watcher = spawn('sh', ['-c', janitor, 'vpmu-janitor', folder], {
		stdio: ['pipe', 'pipe', 'ignore'],
		detached: true,
	});
	watcher.stdin.on('error', () => undefined);
	const gone = new Promise<void>(resolve => {
		watcher.once('exit', () => resolve());
		watcher.once('error', () => resolve());
	});
	const made = new Promise<true>(resolve => watcher.stdout.once('data', () => resolve(true)));
	if ((await Promise.race([made, gone])) !== true) {
		await mkdir(folder, { mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
			const why = messageOf(systemFault(cause) ?? cause);
			throw new HostError(`cannot make a temporary folder: ${why}; TMPDIR=/another/folder names another place`, {
				...{ host: 'local', failure: 'other', cause },
			});
		});
		await rmdir(folder);
		throw new HostError("cannot start 'sh' on this machine", { host: 'local', failure: 'no-tool' });
	}
	watcher.unref();
	(watcher.stdin as unknown as { unref(): void }).unref();
	watcher.stdout.destroy();
	return {
		path: folder,
		async [Symbol.asyncDispose]() {
			watcher.ref();
			watcher.stdin.end();
			await gone;
		},
	};
}

/** Folders in a workspace that is created on first use. */
export class Workspace implements AsyncDisposable {
	#root: Promise<HostFolder> | undefined;
	#count = 0;

	/** Returns a path that does not exist yet. */
	async reserve(): Promise<string> {
		this.#root ??= makeWorkspace();
		return path.join((await this.#root).path, String(this.#count++));
	}

	/** Lets other users reach those of its folders that belong to them. */
	async open(): Promise<void> {
		this.#root ??= makeWorkspace();
		await chmod((await this.#root).path, 0o711);
	}

	async makeFolder(): Promise<string> {
		const folder = await this.reserve();
		await mkdir(folder, { mode: 0o700 });
		return folder;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		const root = this.#root;
		this.#root = undefined;
		// A folder that could not be made was reported to whoever wanted it.
		await (await root?.catch(() => undefined))?.[Symbol.asyncDispose]();
	}
}
