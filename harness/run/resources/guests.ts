import type { Host } from '../../../src/host/index.ts';
import {
	buildImage,
	type Cache,
	hostArchitecture,
	type Image,
	type Kernel,
	loadRecipe,
	namedKernel,
	requireUsable,
} from '../../../src/image/index.ts';
import type { Lease } from '../../protocol/lease.ts';
import { agentPath, defaultKernel, loaderInit, modulesFolder, portModules } from './guest-image.ts';
import { kernelArgumentsWith } from './kernel-arguments.ts';
import type { Known } from './known.ts';

/** What the guests of a run boot: kernels (`debian:SUITE`, `small` or a path) and the matching images. */
export class Guests {
	readonly #known: Known;
	readonly #cache: () => Promise<Cache>;

	constructor(known: Known, cache: () => Promise<Cache>) {
		this.#known = known;
		this.#cache = cache;
	}

	/** A kernel in place on a host, and the command line for its guests. */
	kernelOn(host: Host, source: string): Promise<Lease['kernel']> {
		return this.#known.onceOn(host, `kernel ${source}`, async () => {
			const [{ image, release }, { init }] = await Promise.all([this.kernel(source), this.#guest(source)]);
			const isEmulated = host.kind === 'board' || (host.kind === 'local' && hostArchitecture() !== 'arm64');
			return { path: await host.provide(image), release, append: kernelArgumentsWith(init, isEmulated) };
		});
	}

	/** Puts the guest's initramfs for a kernel on a host. */
	initrdOn(host: Host, kernel: string): Promise<string> {
		return this.#known.onceOn(host, `initrd for ${kernel}`, async () => {
			return host.provide((await this.#guest(kernel)).image.path);
		});
	}

	/** Returns a kernel in the cache. */
	kernel(source: string): Promise<Kernel> {
		return this.#known.once(`kernel ${source}`, async () => {
			const cache = await this.#cache();
			return namedKernel(cache, source);
		});
	}

	/** Returns the image in the cache that guests with a kernel boot. */
	async imageFor(kernel: string): Promise<Image> {
		return (await this.#guest(kernel)).image;
	}

	/** The image without drivers. */
	image(): Promise<Image> {
		return this.#known.once('initrd', async () => buildImage(await this.#cache(), await loadRecipe('guest')));
	}

	/** The image for a kernel, and its first process, which loads the port's drivers if they are modules. */
	#guest(kernel: string): Promise<{ image: Image; init: string }> {
		return this.#known.once(`guest for ${kernel}`, async () => {
			const plain = { image: await this.image(), init: agentPath };
			if (kernel === defaultKernel) return plain;
			const options = { kernel: await this.kernel(kernel), extraFiles: [loaderInit] };
			requireUsable(options.kernel, 'guest');
			const recipe = { ...(await loadRecipe('guest')), kernelModules: portModules };
			const image = await buildImage(await this.#cache(), recipe, options);
			const isLoaded = image.contents.some(file => file.path.includes(modulesFolder));
			return isLoaded ? { image, init: `/${loaderInit.path}` } : plain;
		});
	}
}
