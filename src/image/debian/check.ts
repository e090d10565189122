import type { Cache } from '../cache/cache.ts';
import { openArchive } from './open.ts';
import type { Architecture } from './pins.ts';

/** Where packages come from, as it was found and tried. */
export interface PackageSource {
	readonly mirror: string;
	/** The file or variable that names the mirror. */
	readonly from: string;
}

/**
 * Does what comes before any package is chosen: finds the mirror, and reads and verifies the index of
 * a suite, unless that was done within the last day.
 *
 * @param force read the index even if that was done within the last day
 * @throws what `resolvePackages` throws where it has no earlier choice to go by
 */
export async function checkPackageSource(
	cache: Cache,
	suite: string,
	architecture: Architecture,
	force = false,
): Promise<PackageSource> {
	return await cache.exclusively('packages/index', async () => {
		const { mirrors } = await (await openArchive(cache, suite, architecture)).update(force);
		return { mirror: mirrors.main.uri, from: mirrors.main.from };
	});
}
