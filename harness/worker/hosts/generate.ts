import type { EventSource, FileText, PmuSettings, SimulatedHost } from '../../../src/pmu/index.ts';

/** One question to a QEMU with the PMU choice: a described host, and the start options. */
export interface DifferentialCase {
	readonly description: SimulatedHost;
	readonly settings: PmuSettings;
}

/** A machine type, and whether its compat properties turn backcompat-pmu on, if known. */
export interface MachineChoice {
	readonly name: string;
	readonly backcompatPmu?: boolean | undefined;
}

/** Returns a small seeded random number generator (mulberry32): the same seed gives the same cases. */
export function randomFrom(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/**
 * Generates a random case. Most look like what kernels produce; some have missing or malformed files, folders in place
 * of files, or extreme values. `realType` is the type of an event source that the host's KVM accepts; it stands in for
 * simulated ones.
 */
export function randomCase(
	random: () => number,
	options: { realType: number; version: string; machines: readonly MachineChoice[] },
): DifferentialCase {
	const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!;
	const chance = (probability: number) => random() < probability;
	const text = (content: string): FileText => ({ text: content });

	const cpuCount = pick([1, 2, 2, 4, 6, 8, 64, 65, 128, 512]);
	const half = Math.floor(cpuCount / 2);
	const list = (first: number, last: number) => (first >= last ? `${last}` : `${first}-${last}`);
	const hull = list(0, cpuCount - 1);
	// Firmware that leaves out CPUs causes holes.
	const all = cpuCount >= 4 && chance(0.3) ? `${list(0, half - 2)},${list(half, cpuCount - 1)}` : hull;
	const lists = [
		...[all, all, all, hull, '0'],
		list(0, half - 1 < 0 ? 0 : half - 1),
		list(half, cpuCount - 1),
		list(0, cpuCount - 2 < 0 ? 0 : cpuCount - 2),
		cpuCount < 4 ? '0' : `0,${cpuCount - 1}`,
		`0-${cpuCount + 7}`,
		'',
	];
	const oddLists = [
		'0x0-0x3f',
		'0-3,',
		'0,,1',
		'-1',
		'18446744073709551616',
		'3-1',
		'all',
		' 0-1',
		`0-${cpuCount * 2 + 64}`,
	];
	const file = (usual: readonly string[], odd: readonly string[]): FileText => {
		if (chance(0.04)) return { error: 'ENOENT' };
		if (chance(0.03)) return { error: 'EISDIR' };
		if (chance(0.03)) return text('');
		return text(`${chance(0.1) ? pick(odd) : pick(usual)}${chance(0.05) ? '' : '\n'}`);
	};

	const sources: EventSource[] = [];
	// Names, types, device paths and the order in the folder are independent of one another.
	const shuffled = <T>(items: readonly T[]): T[] =>
		items
			.map(item => ({ item, at: random() }))
			.sort((a, b) => a.at - b.at)
			.map(({ item }) => item);
	const names = shuffled(['armv8_a', 'armv8_b', 'apple_c_pmu', 'uncore', 'software']);
	const numbers = shuffled([10, 11, 12, 13, 14]);
	for (const [index, name] of names.slice(0, pick([0, 1, 1, 2, 2, 3, 4, 5])).entries()) {
		const device = pick([
			`platform/pmu-${pick(['a', 'b', 'c', 'd'])}@${pick([2, 9, 10])}/`,
			'platform/',
			'',
			'system-pmu/x/',
		]);
		const type = numbers[index]!;
		sources.push({
			name,
			link: chance(0.04) ? { error: 'EINVAL' } : text(`../../../devices/${device}${name}`),
			type: file(
				[`${type}`, `${type}`, `${type}`, `0x${type.toString(16)}`],
				['x', '10 ', '4294967306', '-5', '99999999999999999999', '010'],
			),
			cpus: name === 'software' ? { error: 'ENOENT' } : file(lists, oddLists),
			...(chance(0.2) ? { cpumask: text(`${pick(lists)}\n`) } : {}),
		});
	}
	const types = Object.fromEntries(
		['10', '11', '12', '13', '14', '8'].filter(() => chance(0.85)).map(type => [type, options.realType]),
	);
	const kvm: NonNullable<SimulatedHost['kvm']> = {
		types,
		...(chance(0.07) ? { pmuV3: 'no' as const } : {}),
		...(chance(0.05) ? { scratchVcpu: 'no' as const } : {}),
		...(chance(0.2) ? { setPmu: 'no' as const } : chance(0.05) ? { setPmu: { errno: pick([16, 19, 22]) } } : {}),
		...(chance(0.3) ? { fixedCountersOnly: 'yes' as const } : {}),
	};
	const machine = chance(0.7) ? options.machines[0]! : pick(options.machines);
	return {
		description: {
			possible: chance(0.92)
				? text(`${all}\n`)
				: chance(0.5)
					? text(`${pick([...oddLists, '', 'x'])}\n`)
					: file([all], ['']),
			// Files that QEMU must not read say something else.
			...(chance(0.5) ? { online: text(`${pick(lists)}\n`), present: text(`${pick(lists)}\n`) } : {}),
			eventSources: chance(0.03) ? { error: 'ENOENT' } : sources,
			kvm,
		},
		settings: {
			machine: machine.name,
			accel: 'kvm',
			cpu: pick(['host', 'host', 'max']),
			...(chance(0.25)
				? {
						pmu: pick([
							'10',
							'11',
							'12',
							'0',
							'1',
							'9999',
							'0xb',
							'4294967295',
							'4294967296',
							'-1',
							'x',
							'18446744073709551615',
							'18446744073709551616',
						]),
					}
				: {}),
			...(chance(0.2) ? { backcompatPmu: chance(0.5) } : {}),
			...(chance(0.25) ? { cpuPmu: chance(0.5) } : {}),
			vcpus: pick([1, 1, 1, 2]),
			qemu: {
				hasPmuChoice: true,
				version: options.version,
				...(machine.backcompatPmu === undefined ? {} : { machineBackcompatPmu: machine.backcompatPmu }),
			},
		},
	};
}
