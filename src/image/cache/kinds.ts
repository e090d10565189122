/** What the cache holds, by folder. */
export const cacheKinds = [
	'packages',
	'roots',
	'kernels',
	'images',
	'snapshots',
	'inspections',
	'calibrations',
] as const;
export type CacheKind = (typeof cacheKinds)[number];

/** What is written beside each thing in the cache. */
export interface CacheRecord {
	/** In words, for `vpmu image list`. */
	readonly label?: string;
	/** Things in the cache that this one was made from, as `KIND/NAME`. */
	readonly uses?: readonly string[];
	readonly [key: string]: unknown;
}
