import * as v from 'valibot';
import type { Shape } from '../../lib/files/stored.ts';
import { type CacheKind, type CacheRecord, cacheKinds } from '../cache/kinds.ts';
import { type PackageSet, pinShape } from '../debian/pins.ts';

/** The kinds of entries that are moved to other machines: all that are made of packages, and hold nothing of this machine. */
export const movedKinds = ['packages', 'roots', 'kernels', 'images'] as const satisfies CacheKind[];

/** A file of an entry, by its path below the entry; empty for an entry that is a file. */
export interface MovedFile {
	readonly path: string;
	readonly sizeBytes: number;
	readonly sha256: string;
}

export interface MovedEntry {
	readonly kind: (typeof movedKinds)[number];
	readonly name: string;
	readonly record: CacheRecord;
	readonly files: readonly MovedFile[];
	/** How many folders and links there are besides. */
	readonly others: number;
}

/** The first member of an exported cache. It says what follows. */
export interface Manifest {
	readonly schema: 'vpmu-cache/1';
	/** Debian's name of the architecture that its programs run on. */
	readonly architecture: string;
	readonly exportedAt: string;
	readonly entries: readonly MovedEntry[];
	/** Chosen versions, by the names of their files. */
	readonly pins: Readonly<Record<string, PackageSet>>;
}

export const manifestName = 'vpmu-cache.json';

/** A manifest of all of Debian's packages would be smaller. */
export const largestManifest = 256 * 2 ** 20;

/** Names of entries and pins become names of files. */
const name = v.pipe(
	v.string(),
	v.regex(/^[A-Za-z0-9][\w.%~+-]{0,200}$/),
	v.check(text => !text.endsWith('.json')),
);
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

export const manifestShape: Shape<Manifest> = v.looseObject({
	schema: v.literal('vpmu-cache/1'),
	...{ architecture: v.string(), exportedAt: v.string() },
	entries: v.array(
		v.looseObject({
			...{ kind: v.picklist(movedKinds), name, others: count },
			record: v.looseObject({}),
			files: v.array(
				v.looseObject({ path: v.string(), sizeBytes: count, sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) }),
			),
		}),
	),
	pins: v.record(name, pinShape),
});

/** Whether a name is one of the cache's own folders beside entries. */
export const isReserved = (kind: string, entry: string) =>
	kind === 'packages' && ['apt', 'own', 'pins', 'sources'].includes(entry);

export const isMovedKind = (kind: string): kind is MovedEntry['kind'] =>
	cacheKinds.some(one => one === kind) && movedKinds.some(one => one === kind);
