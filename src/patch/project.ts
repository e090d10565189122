import { parseDiff } from './diff.ts';

/** Folders at the top of one project's tree that the other's does not have. */
const own = {
	linux: [
		'arch',
		'block/blk',
		'certs',
		'drivers',
		'fs',
		'init',
		'ipc',
		'kernel',
		'lib',
		'mm',
		'security',
		'sound',
		'virt',
		'include/kvm',
		'include/linux',
		'include/uapi',
	],
	qemu: [
		'accel',
		'backends',
		'hw',
		'migration',
		'qapi',
		'qga',
		'qom',
		'softmmu',
		'system',
		'target',
		'tcg',
		'include/hw',
		'include/qemu',
	],
} as const;

/** The projects whose series vpmu builds. */
export type Project = keyof typeof own;

/** Which project a diff is for, by the paths that it touches; `undefined` where they do not tell. */
export function projectOfPaths(paths: readonly string[]): Project | undefined {
	const touches = (project: Project) =>
		own[project].some(folder => paths.some(name => name.startsWith(`${folder}/`) || name.startsWith(`${folder}-`)));
	const found = (Object.keys(own) as Project[]).filter(touches);
	return found.length === 1 ? found[0] : undefined;
}

/** Which project patches are for, by their text as it came: mails, a mailbox or a diff. */
export function projectOf(texts: readonly string[]): Project | undefined {
	const files = texts.flatMap(text => parseDiff(text.replaceAll('\r\n', '\n')));
	return projectOfPaths(files.flatMap(({ oldPath, newPath }) => [oldPath, newPath]).filter(name => name !== undefined));
}

/** What a kernel is used as. */
export type KernelUse = 'board' | 'guest' | 'both';

/** KVM's side, and PMU drivers: the host's. Documents and tests change neither. */
const ofHost = [
	/^arch\/arm64\/kvm\//,
	/^arch\/arm64\/include\/(uapi\/)?asm\/kvm[\w-]*\.h$/,
	/^drivers\/perf\//,
	/^include\/kvm\//,
	/^include\/(uapi\/)?linux\/kvm[\w-]*\.h$/,
	/^virt\/kvm\//,
];
const ofNobody = [/^Documentation\//, /^tools\//, /^MAINTAINERS$/];

/** Which kernels a series for Linux changes, by the paths that it touches: that of the board, or that of guests too. */
export function kernelUseOf(paths: readonly string[]): KernelUse {
	const telling = paths.filter(name => !ofNobody.some(pattern => pattern.test(name)));
	return telling.every(name => ofHost.some(pattern => pattern.test(name))) ? 'board' : 'both';
}
