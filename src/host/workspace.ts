import { spawn } from 'node:child_process';
import { chmod, mkdir, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { tmpName } from 'tmp-promise';
import { HostError } from './errors.ts';
import type { HostFolder } from './host.ts';

/**
 * Makes its argument, a folder, holds a lock on it, and removes it when its input ends: when the owner is gone, however it went. Were the
 * folder made first, an owner killed before it had a janitor would leave it.
 */
const janitor = `trap '' HUP INT QUIT TERM; mkdir -m 700 -- "$1" && exec 9<"$1" && flock -n 9 || exit 1
echo; exec >&- 2>&-
read -r _; rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }`;

/**
 * Removes folders whose janitors are gone too (a container that was stopped, a machine that lost power): nobody holds
 * their lock. One that is being made at this moment is not locked yet.
 */
const sweep = `cd -- "$1" || exit
for folder in vpmu-*-w-*; do
	[ -O "$folder" ] && [ -d "$folder" ] && [ ! -L "$folder" ] || continue
	[ -n "$(find "$folder" -maxdepth 0 -mmin +1)" ] && flock -n "$folder" rm -rf -- "$folder"
done`;
let isSwept = false;

/** Does not wait for it: whoever needs a folder now has nothing of it. */
function sweepOnce(root: string): void {
	if (isSwept) return;
	isSwept = true;
	const sweeper = spawn('sh', ['-c', sweep, 'vpmu-sweeper', root], { stdio: 'ignore', detached: true });
	sweeper.on('error', () => undefined);
	sweeper.unref();
}

/**
 * A private folder (mode 0700) with a short path, below the temporary folder. It is removed when disposed of, and also
 * when this process is killed. The caller owns it.
 * @throws the system's error when it cannot be made; HostError when there is no shell to look after it
 */
export async function makeWorkspace(): Promise<HostFolder> {
	const root = temporaryRoot();
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
		// Says why, if it is the folder.
		await mkdir(folder, { mode: 0o700 });
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

/** Where Unix sockets' paths stay below 107 bytes: $TMPDIR if that is short. */
function temporaryRoot(): string {
	const wanted = process.env.TMPDIR;
	return wanted !== undefined && path.isAbsolute(wanted) && wanted.length <= 40 ? wanted : '/tmp';
}

/** Folders in a workspace that is made at first use. */
export class Workspace implements AsyncDisposable {
	#root: Promise<HostFolder> | undefined;
	#count = 0;

	/** The path of something that does not exist yet. */
	async reserve(): Promise<string> {
		this.#root ??= makeWorkspace();
		return path.join((await this.#root).path, String(this.#count++));
	}

	/** Lets others through to those of its folders that are theirs. */
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
		await (await root)?.[Symbol.asyncDispose]();
	}
}
