import type { Architecture, ResolvedPackage } from './pins.ts';
import type { Mirrors } from './sources.ts';

/** A suite of the Debian archive on a mirror, for one architecture. Nothing from it is used before it was verified. */
export interface DebianArchive {
	readonly suite: string;
	readonly architecture: Architecture;
	readonly mirrors: Mirrors;
	/** Suites of its chain that the mirrors did not have when the index was last read. */
	readonly absent: readonly string[];
	/**
	 * Reads the signed indexes if they are missing or old. Without a network, old ones are used.
	 * @throws UsageError when the mirror has no such suite; VpmuError (blame `host`) when signatures or the network fail
	 */
	update(force: boolean): Promise<DebianArchive>;
	/** Removes the indexes, so that all of them are read again. */
	forget(): Promise<void>;
	/**
	 * Resolves packages and all their dependencies to exact versions.
	 * @throws VpmuError (blame `image`) when the suite lacks a package or its dependencies cannot be met
	 */
	resolve(packages: readonly string[]): Promise<ResolvedPackage[]>;
	/** Fetches packages into a folder, each checked against the signed index. @throws VpmuError (blame `host`) */
	download(packages: readonly ResolvedPackage[], to: string): Promise<void>;
	/** Unpacks the files of a package into a new folder, without rights that an installed file may have. */
	unpack(deb: string, to: string): Promise<void>;
}
