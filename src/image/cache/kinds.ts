/** The kinds of cache entries, by folder. */
export const cacheKinds = [
	'packages',
	'roots',
	'kernels',
	'images',
	'snapshots',
	'inspections',
	'calibrations',
	'results',
	'builds',
] as const;
export type CacheKind = (typeof cacheKinds)[number];

/** The record next to each cache entry. */
export interface CacheRecord {
	/** Description for `vpmu image list`. */
	readonly label?: string;
	/** Cache entries that this one was made from, as `KIND/NAME`. */
	readonly uses?: readonly string[];
	readonly [key: string]: unknown;
}
