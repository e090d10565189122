/** What was built: QEMU's program or Linux's Image, and the version of its source. */
export interface Built {
	readonly program: string;
	readonly version: string;
}

/** A project's builds: without its series, and with more and more of its patches. */
export interface ProjectBuilds {
	readonly before: Built;
	/** In order; the last one has all patches. `name` is such as `patch 2 'title'`. */
	readonly steps: readonly { readonly built: Built; readonly name: string }[];
}

/** One state of what a series changes. Its cells are run and compared with those of the first side. */
export interface Side {
	/** The folder of its run, below `--out`. */
	readonly folder: string;
	/** When it is, as it stands in a sentence: `after the series`, `with patch 2 'title'`. */
	readonly when: string;
	/** The patch or series that this side adds to the one before it. */
	readonly name: string;
	/** `undefined` if no series is for QEMU. */
	readonly qemu: Built | undefined;
	readonly linux: Built | undefined;
	/** It has no patch: an earlier series may have its results. */
	readonly isFirst?: boolean;
	/** It is only run to find out whose fault a failure is. */
	readonly isProof?: boolean;
}

/** The projects, as they stand in a sentence. */
export const projectNames = { qemu: 'QEMU', linux: 'Linux' } as const;

/**
 * Plans the sides of a series for QEMU, for Linux, or of two that belong together: one without any patch, and one with all. With
 * `isEach`, one after each patch: those for Linux first, since QEMU uses what the kernel offers. For two series without
 * `isEach`, a further side has the series for Linux alone, to tell which series causes a failure. Pure.
 */
export function planSides(
	builds: { readonly qemu: ProjectBuilds | undefined; readonly linux: ProjectBuilds | undefined },
	isEach: boolean,
): { readonly before: Side; readonly after: readonly Side[] } {
	const { qemu, linux } = builds;
	const isPair = qemu !== undefined && linux !== undefined;
	const [first, last] = [
		{ qemu: qemu?.before, linux: linux?.before },
		{ qemu: qemu?.steps.at(-1)?.built ?? qemu?.before, linux: linux?.steps.at(-1)?.built ?? linux?.before },
	];
	const before = { folder: 'before', when: 'before the series', name: 'no patch', isFirst: true, ...first };
	const end = { folder: 'after', when: 'after the series', name: 'the series', ...last };
	if (!isEach) {
		const proof = {
			...{ folder: 'linux', when: 'with the series for Linux alone', name: 'the series for Linux' },
			...{ qemu: first.qemu, linux: last.linux, isProof: true },
		};
		return { before, after: isPair ? [proof, end] : [end] };
	}
	const after: Side[] = [];
	let now = first;
	for (const project of ['linux', 'qemu'] as const) {
		for (const [at, { built, name: patch }] of (builds[project]?.steps ?? []).entries()) {
			now = { ...now, [project]: built };
			const name = isPair ? `${patch} for ${projectNames[project]}` : patch;
			const folder = isPair ? `${project}-${at + 1}` : `patch-${at + 1}`;
			after.push({ folder, when: `with ${name}`, name, ...now });
		}
	}
	// The last side has the whole series, so it gets the folder that reports look for.
	const whole = after.pop();
	return { before, after: [...after, whole === undefined ? end : { ...end, name: whole.name }] };
}
