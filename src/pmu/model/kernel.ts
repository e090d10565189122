/** What the release number of a Linux says, and where it says nothing. */
export interface KernelRelease {
	/** As `uname -r` prints it. */
	readonly text: string;
	/** `undefined` for text that does not begin with a version. */
	readonly version: readonly [major: number, minor: number] | undefined;
	/**
	 * The distribution whose kernels of this name have features of much newer versions: a feature that is newer than the
	 * release number may be there all the same.
	 */
	readonly backports: string | undefined;
}

/** Marks in the release of kernels that are kept at one version for years while features are carried into them. */
const marks: readonly (readonly [mark: RegExp, distribution: string])[] = [
	[/\.el\d+uek/, "Oracle's UEK"],
	[/\.el\d/, 'Red Hat Enterprise Linux, or a rebuild of it,'],
	[/-1[56]\d{4}\.|-default\b/, 'SUSE Linux Enterprise'],
	[/\.(oe|uel)\d/, 'openEuler'],
	[/\.(an|al|alnx)\d/, 'Anolis OS or Alibaba Cloud Linux'],
	[/\.tl\d|tlinux/, 'TencentOS'],
	[/\.ky\d/, 'Kylin'],
	[/\.amzn\d/, 'Amazon Linux'],
	[/\.(azl|cm)\d/, 'Azure Linux'],
	[/-android\d/, 'Android'],
	[/-(tegra|bluefield)/, 'NVIDIA, for its boards,'],
];

/** Reads the release of a kernel, as `uname -r` prints it. */
export function kernelRelease(text: string): KernelRelease {
	const numbers = /^(\d+)\.(\d+)/.exec(text);
	return {
		text,
		version: numbers === null ? undefined : [Number(numbers[1]), Number(numbers[2])],
		backports: marks.find(([mark]) => mark.test(text))?.[1],
	};
}

/**
 * Whether a kernel has what Linux has since `major.minor`; undefined where the release number does not say: it cannot be
 * read, or it is older and the distribution is one that carries features into old versions.
 */
export function kernelHas(release: KernelRelease, major: number, minor: number): boolean | undefined {
	const { version, backports } = release;
	if (version === undefined) return undefined;
	if (version[0] > major || (version[0] === major && version[1] >= minor)) return true;
	return backports === undefined ? false : undefined;
}

/** Why the release number does not say whether a feature is there, as the end of a sentence. */
export function whyNotKnown({ text, version, backports }: KernelRelease): string {
	return version === undefined
		? `not known from the release number ('${text}' does not begin with a version)`
		: `not known from the release number (${text}: ${backports} carries newer features into older versions)`;
}
