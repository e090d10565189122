export { type BuildOptions, buildImage, type Image, type ImageFile } from './build/build.ts';
export {
	type ImageFormat,
	imageFormats,
	loadRecipe,
	type Recipe,
	type RecipeFile,
	type RecipeStub,
} from './build/recipe.ts';
export { type Cache, type CacheOptions, cacheRoot, NotCachedError, openCache } from './cache/cache.ts';
export { damageOfJson, readKept, recordShape as cacheRecordShape, verifiedHash } from './cache/identity.ts';
export { type CacheItem, cacheSize, listCache, type PruneOptions, pruneCache } from './cache/inventory.ts';
export { type CacheKind, type CacheRecord, cacheKinds } from './cache/kinds.ts';
export type { OnProgress, Progress } from './cache/progress.ts';
export { commands, requireTool, type ToolOptions } from './cache/tool.ts';
export { type CpioEntry, joinInitramfs, readCpio, writeCpio } from './cpio.ts';
export { checkPackageSource, type PackageSource } from './debian/check.ts';
export { debianPackage, refreshPins, type UnpackedPackage } from './debian/packages.ts';
export type { Architecture } from './debian/pins.ts';
export { listPins, type PinSummary } from './debian/pins.ts';
export { type DebianSource, debianSource } from './debian/source.ts';
export { buildIdOf } from './elf/build-id.ts';
export { stubExitStatus } from './elf/stub.ts';
// What users name goes through namedKernel, which takes paths too.
export { debianKernel, type Kernel } from './kernel/kernel.ts';
export { builtKernels, namedKernel, smallKernel, smallKernelLabel } from './kernel/named.ts';
export { requireUsable } from './kernel/usable.ts';
export {
	type BuiltLinux,
	type BuiltLinuxSeries,
	buildLinuxSeries,
	type LinuxBuildRequest,
	type LinuxStep,
} from './linux/build.ts';
export { LinuxBuildFailure } from './linux/compile.ts';
export { slownessOfKernel } from './linux/pace.ts';
export { kernelConfigs, type RequestedConfig, requestedConfig } from './linux/requested.ts';
export { pmuSelftests, unbuiltSelftests } from './linux/selftests.ts';
export { debianLinuxSource, isLinuxTree, type LinuxSource, openLinuxSource } from './linux/source.ts';
export { exportCache, type Moved } from './moved/export.ts';
export { importCache } from './moved/import.ts';
export {
	debianProgram,
	debianQemu,
	hostArchitecture,
	inspectProgram,
	type ProgramNeeds,
	type ProgramRequest,
	type ProgramRoot,
} from './program.ts';
export {
	copyForeign,
	defaultLimits,
	openForeign,
	parseLimits,
	readForeign,
	removeForeign,
	requireSandbox,
	runInSandbox,
	SandboxLimitError,
	type SandboxLimits,
	type SandboxRefusal,
	type SandboxRequest,
	sandboxRefusal,
} from './sandbox/index.ts';
export { PatchRefused } from './series/apply.ts';
export type { PatchFile } from './series/mails.ts';
export { checkBase, checkOrder } from './source/base.ts';
export { BuildFailure } from './source/failure.ts';
export { blobsOf, checkOut, isGitTree, readGitRange } from './source/git.ts';
export {
	type BuiltQemu,
	type BuiltSeries,
	type BuiltStep,
	buildQemuSeries,
	type SeriesBuildOptions,
} from './source/qemu.ts';
export { type BuildRecipe, parseSanitizers, plainRecipe, type Sanitizer, sanitizers } from './source/recipe.ts';
export { type BuildRoot, buildRoot } from './source/root.ts';
export { openQemuSource, type QemuSource } from './source/tree.ts';
