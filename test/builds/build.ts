import { copyFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dir } from 'tmp-promise';
import {
	buildQemuSeries,
	type Cache,
	openQemuSource,
	type PatchFile,
	type QemuSource,
	readForeign,
	runInSandbox,
} from '../../src/image/index.ts';
import { openBuildRoot } from '../../src/image/source/recipe.ts';
import { VpmuError } from '../../src/lib/index.ts';
import type { WrongBuild } from './wrong.ts';

const chosen = 'target/arm/kvm.c';

/** A source with a series, and its builds with one thing wrong each. They share the tree of the unpatched build. */
export class SeriesTree {
	readonly #cache: Cache;
	readonly #source: QemuSource;
	readonly #series: PatchFile;
	readonly #posted: string;

	private constructor(cache: Cache, source: QemuSource, series: PatchFile, posted: string) {
		this.#cache = cache;
		this.#source = source;
		this.#series = series;
		this.#posted = posted;
	}

	/** Reads the file that the series chooses in, as it stands with the series. @throws VpmuError if it does not apply */
	static async open(cache: Cache, archive: string, series: PatchFile): Promise<SeriesTree> {
		const source = await openQemuSource(archive);
		const { path: work, cleanup } = await dir({ prefix: 'vpmu-wrong-', unsafeCleanup: true });
		try {
			await copyFile(source.path, path.join(work, 'archive'));
			await writeFile(path.join(work, 'series'), series.content);
			const script = [
				`tar --no-same-owner --strip-components=1 -xf archive --wildcards '*/${chosen}'`,
				`git apply --include=${chosen} series`,
			].join(' && ');
			const { folder: root } = await openBuildRoot(cache);
			const { status, stderr } = await runInSandbox(cache, { root, work, script, env: {} });
			if (status !== 0) throw new VpmuError(`'${series.name}' does not apply: ${stderr.trim()}`, { blame: 'user' });
			const posted = await readForeign(work, chosen, 1 << 22);
			return new SeriesTree(cache, source, series, posted.toString('utf8'));
		} finally {
			await cleanup();
		}
	}

	/** Builds the series with one thing wrong; without a `wrong` one, as posted. @returns the program @throws VpmuError */
	async build(wrong?: WrongBuild): Promise<string> {
		const files = wrong === undefined ? [] : [patchOf(wrong.name, this.#posted, edited(this.#posted, wrong))];
		const { after } = await buildQemuSeries(this.#cache, this.#source, [this.#series, ...files]);
		return after.program;
	}
}

/** Makes a patch that replaces the whole file. */
function patchOf(name: string, before: string, after: string): PatchFile {
	const linesOf = (text: string, sign: string) =>
		text
			.split('\n')
			.slice(0, -1)
			.map(line => `${sign}${line}\n`);
	const [old, now] = [linesOf(before, '-'), linesOf(after, '+')];
	const head = `--- a/${chosen}\n+++ b/${chosen}\n@@ -1,${old.length} +1,${now.length} @@\n`;
	return { name: `${name}.diff`, content: Buffer.from(`${head}${old.join('')}${now.join('')}`) };
}

/** Returns the source with the edits made. @throws VpmuError where a text does not stand there exactly once */
export function edited(posted: string, wrong: WrongBuild): string {
	let text = posted;
	for (const [from, to] of wrong.edits) {
		const parts = text.split(from);
		if (parts.length !== 2) {
			const found = parts.length - 1;
			throw new VpmuError(`wrong build '${wrong.name}': ${chosen} has ${found} times: ${from}`, { blame: 'user' });
		}
		text = parts.join(to);
	}
	return text;
}
