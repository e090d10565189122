import type { Host, HostReference } from './host.ts';
import { localHost } from './local.ts';
import { connectHost, RemoteHost } from './ssh/host.ts';

/**
 * Connections of this process to hosts that another process of this machine owns. The hosts still belong to their owner.
 * A process has connections of its own, because a shared ssh master exits with a fatal error if one of its users is killed
 * while a channel is being opened (OpenSSH 9.2, 10.0: `no remote_id`), which would disconnect every user. Within a process,
 * users take turns, because to connect takes a board half a second, a third of a cell without a boot.
 */
export class Connections implements AsyncDisposable {
	readonly #idle = new Map<string, RemoteHost>();

	/**
	 * Returns a host that nobody else in this process uses. Return it by {@link giveBack}.
	 * @throws HostError when it cannot be reached
	 */
	async take(reference: HostReference): Promise<Host> {
		if (reference.kind === 'local') return localHost();
		const key = keyOf(reference);
		const known = this.#idle.get(key);
		this.#idle.delete(key);
		if (known?.isLost === false) return known;
		await known?.leave();
		const { name, kind, topology, target, options } = reference;
		return await connectHost(target, { name, kind, options, ...(topology === null ? {} : { topology }) });
	}

	/**
	 * Takes a host back from a user who has ended everything on it. Whatever is left of it is removed.
	 * @param isSound whether the next user may have the same connection
	 */
	async giveBack(host: Host, { isSound }: { readonly isSound: boolean }): Promise<void> {
		const key = keyOf(host.reference);
		if (isSound && host instanceof RemoteHost && !this.#idle.has(key) && (await host.renew())) {
			this.#idle.set(key, host);
		} else {
			await host[Symbol.asyncDispose]();
		}
	}

	async [Symbol.asyncDispose](): Promise<void> {
		const hosts = [...this.#idle.values()];
		this.#idle.clear();
		await Promise.all(hosts.map(async host => await host.leave()));
	}
}

const keyOf = (reference: HostReference) => JSON.stringify(reference);
