import type { Cache } from '../cache/cache.ts';
import { buildLinuxSeries } from '../linux/build.ts';
import { requestedConfig } from '../linux/requested.ts';
import { debianLinuxSource } from '../linux/source.ts';
import { debianKernel, type Kernel, kernelFromFile } from './kernel.ts';

/** The name of the kernel that is built with {@link requestedConfig} `small`: it boots in half the time of Debian's. */
export const smallKernel = 'small';

/** The kernel that finds its own defects (KASAN, lockdep): configuration `debug`. Several times slower. */
export const debugKernel = 'debug';

/** Kernels that are built on request, by the name of their configuration. */
export const builtKernels: readonly string[] = [smallKernel, debugKernel];

/** How the small kernel is called in the cache. */
export const smallKernelLabel = /^Linux \S+ built from debian:trixie \(small\)$/;

/** The suite whose source they are built from: that of the default kernel. */
const builtSuite = 'trixie';

/**
 * Provides a kernel as users name it: `debian:SUITE`, `small`, `debug`, or a path. Those of ours are built once, in some minutes.
 * @throws as {@link debianKernel}, {@link kernelFromFile} and buildLinuxSeries
 */
export async function namedKernel(cache: Cache, name: string): Promise<Kernel> {
	if (name.startsWith('debian:')) return await debianKernel(cache, name.slice('debian:'.length));
	if (!builtKernels.includes(name)) return await kernelFromFile(cache, name);
	const [source, config] = [await debianLinuxSource(cache, builtSuite), await requestedConfig(name)];
	const { after } = await buildLinuxSeries(cache, { source, config });
	return { ...(await kernelFromFile(cache, after.image)), label: name };
}
