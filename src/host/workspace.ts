import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { dir } from 'tmp-promise';
import type { HostFolder } from './host.ts';

/** Removes its argument when its input ends: when the owner of the folder is gone, however it went. */
const janitor = `trap '' HUP INT QUIT TERM; read -r _; rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }`;

/**
 * A private folder (mode 0700) with a short path, below the temporary folder. It is removed when disposed of, and also
 * when this process is killed. The caller owns it.
 */
export async function makeWorkspace(): Promise<HostFolder> {
	const { path: folder } = await dir({ prefix: 'vpmu', mode: 0o700, tmpdir: temporaryRoot() });
	const watcher = spawn('sh', ['-c', janitor, 'vpmu-janitor', folder], {
		stdio: ['pipe', 'ignore', 'ignore'],
		detached: true,
	});
	watcher.stdin.on('error', () => undefined);
	watcher.unref();
	(watcher.stdin as unknown as { unref(): void }).unref();
	const gone = new Promise<void>(resolve => {
		watcher.once('exit', () => resolve());
		watcher.once('error', () => resolve());
	});
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
