import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Cache, runInSandbox } from '../../../src/image/index.ts';
import { openBuildRoot } from '../../../src/image/source/recipe.ts';
import { VpmuError } from '../../../src/lib/index.ts';
import type { FileText, HostFacts } from '../../../src/pmu/index.ts';
import { hostModel } from '../../../src/pmu/model/host-model.ts';
import { readInputs } from '../../../src/pmu/predict/inputs.ts';
import { unset } from '../../../src/pmu/predict/option.ts';
import { type TreeEntry, tarOf } from '../../../src/pmu/simulate/tar.ts';
import type { Situation } from '../../neighbours/neighbours.ts';
import type { WrongBuild } from '../wrong.ts';

/** What a build chooses in each situation, in their order: `event-source 10`, `none`, or how it ended. */
export type Choices = readonly string[];

/** Takes the functions of the choice out of the posted series. @throws VpmuError if they are not in it */
export function choiceIn(series: string): string {
	const added = series
		.split('\n')
		.filter(line => line.startsWith('+') && !line.startsWith('+++'))
		.map(line => line.slice(1))
		.join('\n');
	const from = added.indexOf('static bool read_pmu_attr');
	const to = added.indexOf('static int set_pmu');
	if (from === -1 || to < from) throw new VpmuError('the series has no function read_pmu_attr', { blame: 'user' });
	return added.slice(from, to);
}

/** The choice with one thing wrong; undefined where what is wrong stands elsewhere. */
export function wrongChoice(choice: string, { edits }: WrongBuild): string | undefined {
	const parts = edits.map(([from]) => choice.split(from).length - 1);
	if (parts.some(count => count !== 1)) return undefined;
	return edits.reduce((text, [from, to]) => text.replace(from, () => to), choice);
}

/** The files that the choice reads on a host with these facts, below `at`, in the order in which folders are filled. */
export function sysfsOf(at: string, { cpus, eventSources }: HostFacts): readonly TreeEntry[] {
	const file = (name: string, text: FileText | undefined): TreeEntry[] =>
		text === undefined || 'error' in text ? [] : [{ path: `${at}/sys/${name}`, content: text.text }];
	const system = (['possible', 'present', 'online'] as const).flatMap(name =>
		file(`devices/system/cpu/${name}`, cpus[name]),
	);
	const devices = 'bus/event_source/devices';
	const folders = ['', '/sys', '/sys/bus', '/sys/bus/event_source', '/sys/devices', '/sys/devices/system'];
	const made: TreeEntry[] = [...folders, '/sys/devices/system/cpu'].map(name => ({ path: at + name, folder: true }));
	if ('error' in eventSources) return [...made, ...system];
	const entries = eventSources.flatMap(({ name, link, type, cpus, cpumask }): TreeEntry[] => {
		const target = 'error' in link ? undefined : link.text;
		// Where the link leads, a folder with the same files: the choice reads them by the link.
		const folder = target === undefined ? `${devices}/${name}` : path.posix.join(devices, target);
		const parents = folder.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'));
		return [
			...parents.map((parent): TreeEntry => ({ path: `${at}/sys/${parent}`, folder: true })),
			...(target === undefined ? [] : [{ path: `${at}/sys/${devices}/${name}`, link: target }]),
			...file(`${folder}/type`, type),
			...file(`${folder}/cpus`, cpus),
			...file(`${folder}/cpumask`, cpumask),
		];
	});
	return [...made, { path: `${at}/sys/${devices}`, folder: true }, ...system, ...entries];
}

/** The arguments of the program in a situation. */
function argumentsOf({ facts, settings }: Situation): readonly string[] {
	const { option, backcompat, pmuV3, scratchVcpu, setPmu, attribute5 } = readInputs(hostModel(facts), settings);
	const pmu = option.given === 'type' ? BigInt(option.type) : option.given === 'out-of-range' ? option.value : unset;
	return [`${pmu}`, ...[backcompat, pmuV3, scratchVcpu, setPmu, attribute5].map(is => (is ? '1' : '0'))];
}

/** Compiles each choice and runs it in every situation, in the sandbox. @throws VpmuError if one does not compile */
export async function runChoices(
	cache: Cache,
	work: string,
	choices: readonly string[],
	situations: readonly Situation[],
): Promise<readonly Choices[]> {
	const around = await readFile(path.join(import.meta.dirname, 'around.c'), 'utf8');
	await mkdir(work, { recursive: true });
	for (const [index, choice] of choices.entries()) {
		const text = choice.replaceAll('"/sys/', '"sys/');
		await writeFile(
			path.join(work, `choice-${index}.c`),
			around.replace('/* CHOICE */', () => text),
		);
	}
	const seen = new Set<string>();
	const entries = situations
		.flatMap((one, index) => sysfsOf(`host-${index}`, one.facts))
		.filter(({ path: name }) => !seen.has(name) && seen.add(name));
	await writeFile(path.join(work, 'hosts.tar'), tarOf(entries));
	const lines = situations.map((one, index) => `/tmp/hosts/host-${index} ${argumentsOf(one).join(' ')}`);
	await writeFile(path.join(work, 'situations'), `${lines.join('\n')}\n`);
	const script = [
		// A file system in memory keeps the order in which folders are filled.
		'mkdir /tmp/hosts && tar -xf hosts.tar -C /tmp/hosts || exit 1',
		`for choice in $(seq 0 ${choices.length - 1}); do`,
		'	gcc -w -O1 -o /tmp/choose "choice-$choice.c" || { echo "choice-$choice.c does not compile"; exit 1; }',
		'	while read -r line; do',
		'		/tmp/choose $line 2>/dev/null || echo "ended with $?"',
		'	done <situations >"chosen-$choice"',
		'done',
	].join('\n');
	const { status, stdout, stderr } = await runInSandbox(cache, {
		...{ root: (await openBuildRoot(cache)).folder, work, script },
	});
	if (status !== 0) {
		const evidence = `${stdout}\n${stderr}`.split('\n').slice(-20);
		throw new VpmuError(`the choices could not be run (status ${status})`, { blame: 'user', evidence });
	}
	const results: Choices[] = [];
	for (const index of choices.keys()) {
		const text = await readFile(path.join(work, `chosen-${index}`), 'utf8');
		results.push(text.trimEnd().split('\n'));
	}
	return results;
}
