/** What the release number of a Linux kernel tells about its features. */
export interface KernelRelease {
	/** As `uname -r` prints it. */
	readonly text: string;
	/** `undefined` if the text does not begin with a version. */
	readonly version: readonly [major: number, minor: number] | undefined;
	/**
	 * The distribution that backports features into kernels with such a release string: a feature newer than the
	 * release number may be present.
	 */
	readonly backports: string | undefined;
}

/** Release string marks of kernels that stay at one version for years and get features backported. */
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

/** Parses the release of a kernel, as printed by `uname -r`. */
export function kernelRelease(text: string): KernelRelease {
	const numbers = /^(\d+)\.(\d+)/.exec(text);
	return {
		text,
		version: numbers === null ? undefined : [Number(numbers[1]), Number(numbers[2])],
		backports: marks.find(([mark]) => mark.test(text))?.[1],
	};
}

/**
 * Whether a kernel has a feature that Linux has since `major.minor`; undefined if the release number does not tell: it cannot be
 * parsed, or it is older and from a distribution that backports features.
 */
export function kernelHas(release: KernelRelease, major: number, minor: number): boolean | undefined {
	const { version, backports } = release;
	if (version === undefined) return undefined;
	if (version[0] > major || (version[0] === major && version[1] >= minor)) return true;
	return backports === undefined ? false : undefined;
}

/** Explains, as the end of a sentence, why the release number does not tell whether a feature is present. */
export function whyNotKnown({ text, version, backports }: KernelRelease): string {
	return version === undefined
		? `not known from the release number ('${text}' does not begin with a version)`
		: `not known from the release number (${text}: ${backports} carries newer features into older versions)`;
}
