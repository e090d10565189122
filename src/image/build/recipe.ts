import { stat } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '../../lib/errors.ts';
import type { Architecture } from '../debian/apt.ts';

/** A file that a recipe puts into its image. */
export type RecipeFile =
	| { readonly content: string | Uint8Array; readonly mode?: number }
	| { readonly symlink: string }
	| { readonly directory: true; readonly mode?: number }
	/** A file of this machine, by absolute path; with `optional`, one that may be missing. */
	| { readonly local: string; readonly mode?: number; readonly optional?: boolean }
	/** A file or folder of the packages, by absolute path there; links are followed. */
	| { readonly packaged: string; readonly mode?: number };

/** A library that a program is linked against for a feature that the image does without. */
export interface RecipeStub {
	/** How its soname begins: `libpython3.`. */
	readonly soname: string;
	/** What is left out, for the message of whoever calls it: `perf script in Python`. */
	readonly feature: string;
	/** Functions that return 0 instead of ending the program. */
	readonly zero?: readonly string[];
}

/** How an image can be written. */
export const imageFormats = ['cpio', 'squashfs'] as const;
export type ImageFormat = (typeof imageFormats)[number];

/** What an image is made of: all that is not from the packages stands here. */
export interface Recipe {
	readonly name: string;
	/** One sentence for `vpmu image list`. */
	readonly description: string;
	readonly suite: string;
	readonly architecture: Architecture;
	/** Debian packages that the files come from; what they depend on is found by apt. */
	readonly packages: readonly string[];
	/** Programs, by absolute path in the packages. Libraries that they need come along. */
	readonly programs: readonly string[];
	/** Libraries that something brought in later will need, by soname; with all that they need. */
	readonly libraries?: readonly string[];
	/** Where a busybox among the programs stands: links for all its applets are made, except where a program has that name. */
	readonly busybox?: string;
	/** Libraries that are replaced by small ones of the same name that say that they are missing when they are called. */
	readonly stubs?: readonly RecipeStub[];
	/** By absolute path in the image. */
	readonly files: Readonly<Record<string, RecipeFile>>;
	/**
	 * What the image is: `cpio` (default), an archive for `-initrd`, or `squashfs`, a read-only disk that is read as far as it
	 * is used.
	 */
	readonly format?: ImageFormat;
	/** Kernel modules by name, loaded by the image's init in this order, after those that they depend on. */
	readonly kernelModules?: readonly string[];
}

/**
 * Loads a recipe: `guest`, `board` or `disk`, or a file that has one as its default export.
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
		throw new UsageError(`'${name}' is no image recipe: its default export lacks a name, packages or files`);
	}
	return recipe;
}
