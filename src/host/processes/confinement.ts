import { chown } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../lib/errors.ts';
import type { Workspace } from '../files/workspace.ts';
import type { Host, Untrusted } from '../host.ts';
import {
	dropTo,
	groupOf,
	obstacleTo,
	openWay,
	ownKvm,
	type Rights,
	readRights,
	rightsScript,
	untrustedId,
	type Way,
	wayFor,
} from './rights.ts';

/** Starts untrusted programs on this machine when vpmu runs as root. */
export class Confinement {
	readonly #host: Pick<Host, 'run'>;
	readonly #workspace: Workspace;
	/** Results of {@link Confinement.#try}, by way. */
	readonly #tried = new Map<string, Promise<string | null>>();
	#rights: Promise<Rights> | undefined;
	#room: Promise<string> | undefined;
	#rootBecause: string | null = null;

	constructor(host: Pick<Host, 'run'>, workspace: Workspace) {
		this.#host = host;
		this.#workspace = workspace;
	}

	/** Why the last untrusted program runs as root; `null` if it does not, or none was started. */
	get rootBecause(): string | null {
		return this.#rootBecause;
	}

	/** Returns the command that starts an untrusted program. */
	async of(argv: readonly string[], untrusted: Untrusted): Promise<readonly string[]> {
		const { within = [] } = untrusted;
		const rights = await this.#find();
		this.#rootBecause = obstacleTo(untrusted, rights);
		if (rights.as !== 'nobody' || this.#rootBecause !== null) return [...within, ...argv];
		const room = await this.#takeRoom();
		const isOwnKvm = untrusted.needsKvm === true && rights.kvmGroup === 'own';
		const drop = [...(isOwnKvm ? ownKvm(room) : []), ...dropTo(groupOf(rights))];
		const way = await wayFor(argv, path.dirname(room));
		if (way === undefined) return [...within, ...drop, ...argv];
		if (way === 'impossible') {
			this.#rootBecause = 'other users cannot reach the folder of its files, because something else is mounted in it';
			return [...within, ...argv];
		}
		const problem = await this.#try(way, room, drop);
		if (problem === null) return [...within, ...openWay(way, room), ...drop, ...argv];
		this.#rootBecause = `other users cannot enter '${[...way.tops.keys()].join("', '")}', and ${problem}`;
		return [...within, ...argv];
	}

	/** Gives a folder to the user that untrusted programs run as. `false` if they run as the same user as vpmu. */
	async give(folder: string): Promise<boolean> {
		const rights = await this.#find();
		if (rights.as !== 'nobody') return false;
		await this.#workspace.open();
		await chown(folder, untrustedId, untrustedId);
		return true;
	}

	async #find(): Promise<Rights> {
		if (process.geteuid?.() !== 0) return { as: 'self' };
		this.#rights ??= (async () => {
			const { stdout } = await this.#host.run(['sh', '-c', `${rightsScript}\necho "$rights"`], { timeoutMs: 30_000 });
			return readRights(stdout.toString().trim());
		})();
		return await this.#rights;
	}

	async #takeRoom(): Promise<string> {
		this.#room ??= this.#workspace.makeFolder();
		return await this.#room;
	}

	/** Says why a way cannot be opened; `null` if it can. */
	async #try(way: Way, room: string, drop: readonly string[]): Promise<string | null> {
		const key = JSON.stringify([[...way.tops.keys()], [...way.closed]]);
		const files = [...way.tops].flatMap(([top, names]) => [...names].map(name => `${top}/${name}`));
		const look = ['sh', '-c', 'for file; do [ -e "$file" ] || exit 1; done', 'sh', ...files];
		const trying =
			this.#tried.get(key) ??
			this.#host.run([...openWay(way, room), ...drop, ...look], { timeoutMs: 30_000 }).then(
				({ status, stderr }) =>
					status === 0
						? null
						: `this machine cannot open a way for that user alone: ${stderr.toString().trim() || `status ${status}`}`,
				(error: unknown) => messageOf(error),
			);
		this.#tried.set(key, trying);
		return await trying;
	}
}
