export { type BuildOptions, buildImage, type Image, type ImageFile } from './build/build.ts';
export { loadRecipe, type Recipe, type RecipeFile, type RecipeStub } from './build/recipe.ts';
export { type Cache, type CacheOptions, type CacheRecord, cacheKinds, openCache } from './cache/cache.ts';
export type { OnProgress, Progress } from './cache/progress.ts';
export { type CpioEntry, joinInitramfs, readCpio, writeCpio } from './cpio.ts';
export type { Architecture } from './debian/apt.ts';
export { debianKernel, type Kernel, kernelFromFile } from './kernel/kernel.ts';
export {
	debianProgram,
	debianQemu,
	hostArchitecture,
	inspectProgram,
	type ProgramNeeds,
	type ProgramRequest,
	type ProgramRoot,
} from './program.ts';
