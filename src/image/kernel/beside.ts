import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type KernelConfig, parseKernelConfig } from '../linux/config.ts';

/** A `.config` has some 300 KiB; what is larger is not one. */
const configMaxBytes = 8 * 1024 ** 2;

/** Around the compressed configuration in an Image (Linux, kernel/configs.c; scripts/extract-ikconfig). */
const [configStart, configEnd] = ['IKCFG_ST', 'IKCFG_ED'];

/** The configuration that an Image contains (CONFIG_IKCONFIG); `undefined` if it contains none. */
export function configInImage(image: Uint8Array): KernelConfig | undefined {
	const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
	const from = bytes.indexOf(`${configStart}\x1f\x8b`, 0, 'latin1');
	const to = bytes.indexOf(configEnd, from, 'latin1');
	if (from === -1 || to === -1) return undefined;
	try {
		const packed = bytes.subarray(from + configStart.length, to);
		return parseKernelConfig(gunzipSync(packed, { maxOutputLength: configMaxBytes }).toString('utf8'));
	} catch {
		return undefined;
	}
}

/**
 * Where the configuration of a kernel file may stand: beside an installed kernel, at the top of the tree that it was built in, beside
 * a kernel of ours.
 */
export function configPlaces(file: string, release: string): string[] {
	const folder = path.dirname(file);
	return [
		...(release === '' ? [] : [path.join(folder, `config-${release}`)]),
		path.join(folder, 'config'),
		...(/\/arch\/arm64\/boot$/.test(folder) ? [path.join(folder, '../../../.config')] : []),
	];
}

/** Where the modules of a kernel file may be: installed with it, or in a folder as `make modules_install` fills it. */
export function modulePlaces(file: string, release: string): string[] {
	const folder = path.dirname(file);
	if (release === '') return [];
	const roots = [folder, path.dirname(folder)];
	return [
		// As packages of newer distributions have it: usr/lib/modules/RELEASE/vmlinuz.
		...(path.basename(folder) === release ? [folder] : []),
		...roots.flatMap(root => ['lib/modules', 'usr/lib/modules'].map(below => path.join(root, below, release))),
	];
}

/** Reads the configuration of a kernel file: out of the Image, else beside it. */
export async function configOf(image: Uint8Array, file: string, release: string): Promise<KernelConfig | undefined> {
	const inside = configInImage(image);
	if (inside !== undefined) return inside;
	for (const place of configPlaces(file, release)) {
		const size = (await stat(place).catch(() => undefined))?.size ?? Number.POSITIVE_INFINITY;
		if (size > configMaxBytes) continue;
		const config = parseKernelConfig(await readFile(place, 'utf8').catch(() => ''));
		if (config.size > 0) return config;
	}
	return undefined;
}

/** Finds the folder with the modules of a kernel file: it holds `kernel`. */
export async function modulesOf(file: string, release: string): Promise<string | undefined> {
	for (const place of modulePlaces(path.resolve(file), release)) {
		if ((await stat(path.join(place, 'kernel')).catch(() => undefined))?.isDirectory()) return place;
	}
	return undefined;
}
