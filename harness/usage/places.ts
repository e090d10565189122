import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Folder that holds `harness`, `cases` and `images`: the checkout, or `dist` of the built package. */
const root = path.resolve(import.meta.dirname, '../..');

/** Folder of the package: the one with `package.json`. */
export const packageFolder = path.basename(root) === 'dist' ? path.dirname(root) : root;

/** The package's version, from its `package.json`. */
export const version: string = JSON.parse(readFileSync(path.join(packageFolder, 'package.json'), 'utf8')).version;

/** The commit of the checkout, with `-dirty` if it was changed; `undefined` for a package, or without git. */
export function checkoutCommit(): string | undefined {
	if (!existsSync(path.join(packageFolder, '.git'))) return undefined;
	const argv = ['-C', packageFolder, 'describe', '--always', '--dirty', '--abbrev=40', '--exclude', '*'];
	const { stdout } = spawnSync('git', argv, { encoding: 'utf8', timeout: 10_000, maxBuffer: 1 << 16 });
	return /^[0-9a-f]{40,64}(-dirty)?$/.exec(stdout?.trim() ?? '')?.[0];
}

/** `.ts` in the checkout, `.js` in the built package. */
export const codeExtension = path.extname(import.meta.filename);

/** The shipped cases. */
export const shippedCases = path.join(root, 'cases');

/** Modules that users import, in this vpmu. */
export const publicModules: Readonly<Record<string, string>> = {
	vpmu: path.join(root, 'src', `index${codeExtension}`),
	'vpmu/qmp': path.join(root, 'src', 'qmp', `index${codeExtension}`),
	'vpmu/test': path.join(root, 'harness', `test${codeExtension}`),
};

export const topologiesFolder = path.join(root, 'images', 'topologies');

/** The file that the `vpmu` command starts. */
export const commandFile = path.join(packageFolder, 'harness', 'bin.mjs');

/** Returns the path of one of our programs for arm64 hosts. */
export function hostTool(name: 'kvm-facts' | 'kvm-conformance' | 'kvm-shim.so'): string {
	return path.join(root, 'images', 'tools', 'bin', 'aarch64', name);
}
