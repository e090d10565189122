import { readdir } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { readStored, type Shape } from '../../lib/files/stored.ts';

/** Debian's name of an architecture. */
export type Architecture = 'amd64' | 'arm64';

/** One package at an exact version, as described by the signed index of its archive. */
export interface ResolvedPackage {
	readonly name: string;
	readonly version: string;
	/** File name in the cache: `NAME_VERSION_ARCHITECTURE.deb`, with the version's colon escaped. */
	readonly file: string;
	readonly sizeBytes: number;
	readonly sha256: string;
}

/** Requested packages, from one suite for one architecture. */
export interface PackageRequest {
	readonly suite: string;
	readonly architecture: Architecture;
	readonly packages: readonly string[];
}

/** The resolved versions of a request, reused until a refresh: a pin. */
export interface PackageSet extends PackageRequest {
	/** When these versions were chosen, ISO 8601. */
	readonly resolvedAt: string;
	/** The suites of the mirrors that the versions were chosen from, such as `trixie`, `trixie-updates`, `trixie-security`. */
	readonly suites: readonly string[];
	/** Suites with updates that the mirrors did not have. */
	readonly absent: readonly string[];
	readonly set: readonly ResolvedPackage[];
}

/** What is said about a pin: the request, and when and where its versions were chosen. */
export type PinSummary = Omit<PackageSet, 'set'>;

/** Reduces a pin to what is said about it. */
export function summaryOfPin({ set: _, ...summary }: PackageSet): PinSummary {
	return summary;
}

/** The shape of a pin's file. */
export const pinShape: Shape<PackageSet> = v.looseObject({
	...{ suite: v.string(), architecture: v.picklist(['amd64', 'arm64']), packages: v.array(v.string()) },
	resolvedAt: v.pipe(
		v.string(),
		v.check(
			text => Number.isFinite(Date.parse(text)),
			() => 'not a moment',
		),
	),
	...{ suites: v.array(v.string()), absent: v.array(v.string()) },
	set: v.pipe(
		v.array(
			v.looseObject({
				...{ name: v.string(), version: v.string(), sizeBytes: v.number() },
				// They become file names in the cache.
				...{
					file: v.pipe(v.string(), v.regex(/^[\w.%~+-]+\.deb$/)),
					sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
				},
			}),
		),
		v.minLength(1),
	),
});

/** Reads a pin. */
export const readPin = (file: string) => readStored(file, pinShape);

/** The folder of pins in a cache. */
export const pinsFolder = (root: string) => path.join(root, 'packages', 'pins');

/**
 * Lists the pins of a cache, oldest first; damaged ones, which are chosen again when they are needed, are left out.
 * @param root the cache's folder, which need not exist
 */
export async function listPins(root: string): Promise<PinSummary[]> {
	const folder = pinsFolder(root);
	const names = await readdir(folder).catch((): string[] => []);
	const pins: PinSummary[] = [];
	for (const name of names.filter(one => one.endsWith('.json'))) {
		const found = await readPin(path.join(folder, name));
		if (found.state === 'ok') pins.push(summaryOfPin(found.value));
	}
	return pins.sort((a, b) => Date.parse(a.resolvedAt) - Date.parse(b.resolvedAt));
}
