import { stat } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '../../lib/errors.ts';
import type { Architecture } from '../debian/pins.ts';

/** A file that a recipe puts into its image. */
export type RecipeFile =
	| { readonly content: string | Uint8Array; readonly mode?: number }
	| { readonly symlink: string }
	| { readonly directory: true; readonly mode?: number }
	/** A file of this machine, by absolute path; with `optional`, one that may be missing. */
	| { readonly local: string; readonly mode?: number; readonly optional?: boolean }
	/** A file or folder in the packages, by its absolute path there. Links are followed. */
	| { readonly packaged: string; readonly mode?: number };

/** A library that a program is linked against for a feature that the image does not provide. */
export interface RecipeStub {
	/** Prefix of its soname: `libpython3.`. */
	readonly soname: string;
	/** The missing feature, for the message to the caller: `perf script in Python`. */
	readonly feature: string;
	/** Functions that return 0 instead of ending the program. */
	readonly zero?: readonly string[];
}

/** Output format of an image. */
export const imageFormats = ['cpio', 'squashfs'] as const;
export type ImageFormat = (typeof imageFormats)[number];

/** The contents of an image. Everything that does not come from the packages is listed here. */
export interface Recipe {
	readonly name: string;
	/** One sentence for `vpmu image list`. */
	readonly description: string;
	readonly suite: string;
	readonly architecture: Architecture;
	/** Debian packages that provide the files; apt resolves their dependencies. */
	readonly packages: readonly string[];
	/** Programs, by absolute path in the packages. The libraries that they need are added. */
	readonly programs: readonly string[];
	/** Libraries that files added later will need, by soname; their dependencies are added. */
	readonly libraries?: readonly string[];
	/** Path of busybox, if it is among the programs. Links for all its applets are made, unless a program has that name. */
	readonly busybox?: string;
	/** Libraries replaced by small stubs of the same name. A stub reports the missing library when it is called. */
	readonly stubs?: readonly RecipeStub[];
	/** By absolute path in the image. */
	readonly files: Readonly<Record<string, RecipeFile>>;
	/**
	 * The image's format: `cpio` (default), an archive for `-initrd`, or `squashfs`, a read-only disk whose blocks are read on demand.
	 */
	readonly format?: ImageFormat;
	/** Kernel modules by name. The image's init loads them in this order, after their dependencies. */
	readonly kernelModules?: readonly string[];
}

/**
 * Loads a recipe: `guest`, `board` or `disk`, or a file with a recipe as its default export.
 * @throws UsageError when there is no such recipe
 */
export async function loadRecipe(name: string): Promise<Recipe> {
	const own = /^[a-z][a-z0-9-]*$/.test(name);
	const file = own
		? path.resolve(import.meta.dirname, '../../../images', name, `recipe${path.extname(import.meta.filename)}`)
		: path.resolve(name);
	if (!(await stat(file).catch(() => undefined))?.isFile()) {
		throw new UsageError(
			own
				? `there is no image recipe '${name}'; allowed: guest, board, disk, or the path of a recipe file`
				: `there is no recipe file '${name}'`,
		);
	}
	const module: { default?: Recipe } = await import(pathToFileURL(file).href);
	const recipe = module.default;
	if (typeof recipe?.name !== 'string' || !Array.isArray(recipe.packages) || typeof recipe.files !== 'object') {
		throw new UsageError(`'${name}' is not an image recipe: its default export lacks a name, packages or files`);
	}
	return recipe;
}
