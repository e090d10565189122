import type { EventSource, SimulatedHost } from '../../../src/pmu/index.ts';
import type { DifferentialCase } from './generate.ts';

/**
 * Shrinks a case while it still shows the same difference: each round tries all simpler cases at once and continues
 * with the first that still shows it.
 *
 * @param shows whether each case shows the same difference; called in batches, since a batch is cheap
 */
export async function shrinkCase(
	from: DifferentialCase,
	shows: (cases: readonly DifferentialCase[]) => Promise<readonly boolean[]>,
): Promise<DifferentialCase> {
	for (let smallest = from; ; ) {
		const candidates = simplerCases(smallest);
		const answers = await shows(candidates);
		const index = answers.indexOf(true);
		if (index === -1) return smallest;
		smallest = candidates[index]!;
	}
}

/** Returns the cases that are one step simpler, largest steps first. Each is strictly smaller, so shrinking ends. */
export function simplerCases({ description, settings }: DifferentialCase): DifferentialCase[] {
	const steps: DifferentialCase[] = [];
	const host = (change: Partial<SimulatedHost>) => steps.push({ description: { ...description, ...change }, settings });
	const { kvm = {}, eventSources = [], possible } = description;

	if (!('error' in eventSources)) {
		const without = (index: number) => eventSources.filter((_, at) => at !== index);
		if (eventSources.length > 1) for (const source of eventSources) host({ eventSources: [source] });
		for (const index of eventSources.keys()) host({ eventSources: without(index) });
	}
	for (const name of ['online', 'present'] as const) {
		const { [name]: given, ...others } = description;
		if (given !== undefined) steps.push({ description: others, settings });
	}
	for (const name of Object.keys(kvm) as (keyof typeof kvm)[]) {
		const { [name]: _, ...others } = kvm;
		host({ kvm: others });
	}
	for (const name of ['cpuPmu', 'backcompatPmu', 'pmu', 'vcpus'] as const) {
		if (settings[name] === undefined) continue;
		const { [name]: _, ...others } = settings;
		steps.push({ description, settings: others });
	}
	if (settings.machine !== 'virt' && settings.qemu.machineBackcompatPmu === undefined) {
		steps.push({ description, settings: { ...settings, machine: 'virt' } });
	}
	if (settings.cpu !== 'host') steps.push({ description, settings: { ...settings, cpu: 'host' } });
	if (possible !== undefined && !isText(possible, '0-1\n')) host({ possible: { text: '0-1\n' } });
	if (!('error' in eventSources)) {
		for (const [index, source] of eventSources.entries()) {
			for (const simpler of simplerSources(source)) host({ eventSources: eventSources.with(index, simpler) });
		}
	}
	return steps;
}

const isText = (file: EventSource['type'], text: string) => 'text' in file && file.text === text;

/** Replaces an event source, part by part, by the ordinary one, which counts as simplest. */
function simplerSources(source: EventSource): EventSource[] {
	const { cpumask, ...others } = source;
	const link = { text: `../../../devices/platform/${source.name}` };
	return [
		...(cpumask === undefined ? [] : [others]),
		...(isText(source.link, link.text) ? [] : [{ ...source, link }]),
		...(isText(source.type, '10\n') ? [] : [{ ...source, type: { text: '10\n' } }]),
		...(isText(source.cpus, '0-1\n') ? [] : [{ ...source, cpus: { text: '0-1\n' } }]),
	];
}
