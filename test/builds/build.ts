import { access, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Cache, copyForeign, openQemuSource, runInSandbox } from '../../src/image/index.ts';
import { compileScript, configureScript, openBuildRoot, plainRecipe } from '../../src/image/source/recipe.ts';
import { VpmuError } from '../../src/lib/index.ts';
import type { WrongBuild } from './wrong.ts';

const chosen = 'target/arm/kvm.c';

const libraries = '/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig';
const env = { PKG_CONFIG_PATH: libraries, PKG_CONFIG_LIBDIR: libraries };

/** A source with a series applied, configured once; each build changes one file. */
export class SeriesTree {
	readonly #cache: Cache;
	readonly #work: string;
	#root = '';
	#posted = '';

	/** `work`: a folder that it may fill and keep. */
	constructor(cache: Cache, work: string) {
		this.#cache = cache;
		this.#work = work;
	}

	/** Unpacks, patches, configures and compiles; a folder that was prepared before is used again. @throws VpmuError */
	async prepare(archive: string, series: string): Promise<void> {
		this.#root = (await openBuildRoot(this.#cache)).folder;
		const posted = path.join(this.#work, 'posted.c');
		this.#posted = await readFile(posted, 'utf8').catch(() => '');
		if (this.#posted !== '') return;
		await openQemuSource(archive);
		await mkdir(path.join(this.#work, 'source'), { recursive: true });
		await mkdir(path.join(this.#work, 'build'), { recursive: true });
		await copyFile(archive, path.join(this.#work, 'archive'));
		await copyFile(series, path.join(this.#work, 'series'));
		await this.#once('unpacked', "tar --exclude='*/roms/*' --no-same-owner --strip-components=1 -xf archive -C source");
		await this.#once('patched', 'chmod -R u+rwX source && cd source && git apply ../series');
		await this.#once('configured', configureScript(plainRecipe));
		await this.#run(compileScript(plainRecipe));
		this.#posted = await readFile(path.join(this.#work, 'source', chosen), 'utf8');
		await writeFile(posted, this.#posted);
	}

	/** Builds the series with one thing wrong; without a `wrong` one, as posted. @throws VpmuError if it does not compile */
	async build(to: string, wrong?: WrongBuild): Promise<void> {
		await writeFile(path.join(this.#work, 'source', chosen), edited(this.#posted, wrong));
		await this.#run(compileScript(plainRecipe));
		await mkdir(path.dirname(to), { recursive: true });
		await copyForeign(this.#work, 'program', to, { maxBytes: 1024 ** 3, mode: 0o755 });
	}

	/** Runs a step, unless it was done before: a build may take longer than a machine is free for it. */
	async #once(step: string, script: string): Promise<void> {
		const done = path.join(this.#work, `${step}.done`);
		const isDone = await access(done).then(
			() => true,
			() => false,
		);
		if (isDone) return;
		await this.#run(script);
		await writeFile(done, '');
	}

	async #run(script: string): Promise<void> {
		const { status, stdout, stderr } = await runInSandbox(this.#cache, {
			...{ root: this.#root, work: this.#work, script, env },
		});
		if (status === 0) return;
		const evidence = `${stdout}\n${stderr}`.split('\n').slice(-40);
		throw new VpmuError(`a step of the build ended with ${status}: ${script.slice(0, 80)}`, {
			blame: 'user',
			evidence,
		});
	}
}

/** Returns the source with the edits made. @throws VpmuError where a text does not stand there exactly once */
export function edited(posted: string, wrong?: WrongBuild): string {
	let text = posted;
	for (const [from, to] of wrong?.edits ?? []) {
		const parts = text.split(from);
		if (parts.length !== 2) {
			const found = parts.length - 1;
			throw new VpmuError(`wrong build '${wrong!.name}': ${chosen} has ${found} times: ${from}`, { blame: 'user' });
		}
		text = parts.join(to);
	}
	return text;
}
