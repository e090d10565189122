import type { Host, HostReference } from './host.ts';
import { localHost } from './local.ts';
import { connectHost, RemoteHost } from './ssh/host.ts';

/**
 * Connections of this process to hosts that another process of this machine owns. The hosts still belong to their owner.
 * A process has connections of its own, because a shared ssh master exits with a fatal error if one of its users is killed
 * while a channel is being opened (OpenSSH 9.2, 10.0: `no remote_id`), which would disconnect every user. Within a process,
 * users take turns, because connecting to a board takes half a second, as long as a cell without a boot.
 */
export class Connections implements AsyncDisposable {
	/** By reference. */
	readonly #idle = new Map<string, RemoteHost[]>();

	/**
	 * Connects to a host, or returns an idle connection to it. Give it back with {@link giveBack}.
	 * @throws HostError when it cannot be reached
	 */
	async take(reference: HostReference): Promise<Host> {
		if (reference.kind === 'local') return localHost();
		const idle = this.#idle.get(keyOf(reference)) ?? [];
		for (let known = idle.pop(); known !== undefined; known = idle.pop()) {
			if (!known.isLost) return known;
			await known.leave();
		}
		const { name, kind, topology, target, options } = reference;
		return await connectHost(target, { name, kind, options, ...(topology === null ? {} : { topology }) });
	}

	/**
	 * Takes a connection back, and removes whatever its user has left on the host.
	 * @param isSound whether the next user may have the same connection
	 */
	async giveBack(host: Host, { isSound }: { readonly isSound: boolean }): Promise<void> {
		if (!isSound || !(host instanceof RemoteHost) || !(await host.renew())) {
			await host[Symbol.asyncDispose]();
			return;
		}
		const key = keyOf(host.reference);
		const idle = this.#idle.get(key) ?? [];
		this.#idle.set(key, idle);
		idle.push(host);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		const hosts = [...this.#idle.values()].flat();
		this.#idle.clear();
		await Promise.all(hosts.map(async host => await host.leave()));
	}
}

const keyOf = (reference: HostReference) => JSON.stringify(reference);
