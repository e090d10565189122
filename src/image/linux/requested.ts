import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../../lib/errors.ts';
import { parseKernelConfig } from './config.ts';

/** Our configurations, in images/kernel. */
export const kernelConfigs = ['small', 'full', 'debug'] as const;

/** A configuration as requested. */
export interface RequestedConfig {
	/** `small`, or the path of a file. */
	readonly name: string;
	readonly text: string;
	/** Whether symbols that it does not name are off (ours) or have the kernel's default (a user's `.config`). */
	readonly isMinimal: boolean;
}

const folder = path.resolve(import.meta.dirname, '../../../images/kernel');
const maxBytes = 4 * 1024 ** 2;

/**
 * Reads a configuration: one of ours by name, else a `.config`.
 * @throws UsageError for a file that cannot be read, or sets no symbol
 */
export async function requestedConfig(name: string, cwd = process.cwd()): Promise<RequestedConfig> {
	if ((kernelConfigs as readonly string[]).includes(name)) {
		const read = async (one: string) => await readFile(path.join(folder, `${one}.config`), 'utf8');
		// Add the options that find defects to the needed ones.
		const text = name === 'debug' ? `${await read('small')}${await read('debug')}` : await read(name);
		return { name, text, isMinimal: true };
	}
	const file = path.resolve(cwd, name);
	// Opening a FIFO would wait for a writer, and nothing could end that wait.
	const found = await stat(file).catch(() => undefined);
	if (found !== undefined && !found.isFile()) {
		throw new UsageError(
			`the configuration '${name}' is not a regular file; allowed: ${kernelConfigs.join(', ')}, or the path of a .config`,
		);
	}
	const bytes = await readFile(file).catch(error => {
		const why = error.code === 'ENOENT' ? 'there is no such file' : (error.code ?? error.message);
		throw new UsageError(
			`cannot read the configuration '${name}': ${why}; allowed: ${kernelConfigs.join(', ')}, or the path of a .config`,
		);
	});
	const text = bytes.subarray(0, maxBytes).toString('utf8');
	if (bytes.length > maxBytes || parseKernelConfig(text).size === 0) {
		throw new UsageError(`'${name}' is not a configuration of Linux: it has no line such as CONFIG_KVM=y`);
	}
	return { name, text, isMinimal: false };
}
