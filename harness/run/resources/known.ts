import type { Host } from '../../../src/host/index.ts';
import { answers } from './hosts.ts';

const failed = Symbol('failed');

/**
 * Caches by name what a run has made, so that each thing is made once. Failures are kept too, so that they are not
 * repeated for every cell.
 */
export class Known {
	readonly #made = new Map<string, Promise<unknown>>();
	readonly #labels = new WeakMap<Host, string>();

	/** Returns what was made under this name, or makes it now. */
	once<T>(name: string, make: () => Promise<T>): Promise<T> {
		const known = this.#made.get(name);
		if (known !== undefined) return known as Promise<T>;
		const made = make();
		this.#made.set(name, made);
		return made;
	}

	/** Like {@link once}, for things on a host, which are forgotten with it. */
	onceOn<T>(host: Host, name: string, make: () => Promise<T>): Promise<T> {
		return this.once(`${name} on ${this.#label(host)}`, make);
	}

	/** Returns a label that tells copies of a board apart, since they share their name. */
	host(label: string, make: () => Promise<Host>): Promise<Host> {
		return this.once(hostName(label), async () => {
			const host = await make();
			this.#labels.set(host, label);
			return host;
		});
	}

	/**
	 * Forgets a host and what was on it, so that it is made again on request. Resolves with the host, if there was one.
	 */
	async forgetHost(label: string): Promise<Host | undefined> {
		const host = (await this.#made.get(hostName(label))?.catch(() => undefined)) as Host | undefined;
		this.#made.delete(hostName(label));
		const isOn = (name: string) => name.endsWith(` on ${label}`);
		for (const name of [...this.#made.keys()].filter(isOn)) this.#made.delete(name);
		return host;
	}

	/** Forgets failures, and hosts that no longer respond. */
	async renew(): Promise<void> {
		for (const [name, made] of [...this.#made]) {
			const value = await made.catch(() => failed);
			if (value === failed) this.#made.delete(name);
			else if (name.startsWith(hostName('')) && !(await answers(value as Host))) {
				await this.forgetHost(this.#label(value as Host));
			}
		}
	}

	/** Resolves when nothing is being made. */
	async settled(): Promise<void> {
		await Promise.allSettled(this.#made.values());
	}

	#label(host: Host): string {
		return this.#labels.get(host) ?? host.name;
	}
}

const hostName = (label: string) => `host ${label}`;
