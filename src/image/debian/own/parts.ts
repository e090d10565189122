import * as v from 'valibot';
import { VpmuError } from '../../../lib/errors.ts';
import type { Shape } from '../../../lib/files/stored.ts';
import type { ResolvedPackage } from '../pins.ts';
import type { IndexedPackage } from './control.ts';
import { NotOnMirrorError } from './fetch.ts';
import type { ListedFile } from './release.ts';

/** What is known of a suite's indexes: where they come from, which suites the mirrors lack, and each kept index. */
export interface IndexState {
	readonly sources: readonly string[];
	readonly absent: readonly string[];
	readonly kept: Readonly<Record<string, ListedFile>>;
}
const listedShape = v.looseObject({ sizeBytes: v.number(), sha256: v.string() });
/** The shape of its file. */
export const stateShape: Shape<IndexState> = v.looseObject({
	...{ sources: v.array(v.string()), absent: v.array(v.string()), kept: v.record(v.string(), listedShape) },
});

/** @throws VpmuError (blame `host`) for what cannot be a path below a mirror */
export function requirePath(below: string, name: string): void {
	if (/^[\w.+~%:/-]+$/.test(below) && below.split('/').every(part => part !== '' && part !== '..')) return;
	throw new VpmuError(`the package index names '${below}' for ${name}, which is not a path`, { blame: 'host' });
}

/** Yields one value. */
export async function* oneOf<T>(value: T): AsyncGenerator<T> {
	yield value;
}

/** The mirror could not be reached, as opposed to one that gives something wrong. */
export class Unreachable extends VpmuError {
	override readonly name = 'Unreachable';
}

/** Makes a failure of the network an {@link Unreachable}. */
export async function reached<T>(fetching: Promise<T>): Promise<T> {
	return await fetching.catch(error => {
		// A network failure has the system's error as its cause.
		if (!(error instanceof VpmuError) || error.cause === undefined || error instanceof NotOnMirrorError) throw error;
		throw new Unreachable(error.message, { blame: 'host', cause: error });
	});
}

/** As apt names its files. */
export function resolved({ name, version, architecture, sizeBytes, sha256 }: IndexedPackage): ResolvedPackage {
	return { name, version, file: `${name}_${version.replaceAll(':', '%3a')}_${architecture}.deb`, sizeBytes, sha256 };
}
