import { UsageError } from '../../lib/errors.ts';

/** What foreign code may use in a sandbox. */
export interface SandboxLimits {
	/** Wall clock. */
	readonly timeMs: number;
	/** Resident memory of all its processes together, and the address space of each. */
	readonly memoryBytes: number;
	/** Processes and threads together. */
	readonly processes: number;
	/** The largest single file. */
	readonly fileBytes: number;
	/** All that it writes to its working folder. */
	readonly diskBytes: number;
	/** All that it prints. */
	readonly outputBytes: number;
}

const GiB = 1024 ** 3;

/** Several times what the build of a whole QEMU or kernel takes. */
export const defaultLimits: SandboxLimits = {
	timeMs: 2 * 3600_000,
	memoryBytes: 8 * GiB,
	processes: 1024,
	fileBytes: 4 * GiB,
	diskBytes: 20 * GiB,
	outputBytes: GiB / 16,
};

const names = {
	time: 'timeMs',
	memory: 'memoryBytes',
	processes: 'processes',
	file: 'fileBytes',
	disk: 'diskBytes',
	output: 'outputBytes',
} as const;

const units: Readonly<Record<string, Readonly<Record<string, number>>>> = {
	time: { s: 1000, m: 60_000, h: 3600_000 },
	processes: { '': 1 },
	bytes: { K: 1024, M: 1024 ** 2, G: GiB },
};

/**
 * Reads limits as the command line gives them: `time=30m`, `memory=4G`, `processes=200`, `file=1G`, `disk=10G`, `output=64M`.
 *
 * @throws UsageError that names what is allowed
 */
export function parseLimits(words: readonly string[]): SandboxLimits {
	const limits: Record<string, number> = { ...defaultLimits };
	for (const word of words) {
		const [, name = '', count = '', unit = ''] = /^([a-z]+)=(\d{1,9})([a-zA-Z]?)$/.exec(word) ?? [];
		const key = names[name as keyof typeof names];
		const factor = (units[name] ?? units.bytes)![unit];
		if (key === undefined || factor === undefined || Number(count) === 0) {
			throw new UsageError(
				`'${word}' is not a limit of a build; allowed: time=N with s, m or h; memory=N, file=N, disk=N, output=N with K, M or G; processes=N; N above 0`,
			);
		}
		limits[key] = Number(count) * factor;
	}
	return limits as unknown as SandboxLimits;
}
