import { hostModel } from '../../../src/pmu/model/host-model.ts';
import { chooseBackend } from '../../../src/pmu/predict/choice.ts';
import type { Situation } from '../../neighbours/neighbours.ts';
import { wrongBuilds } from '../wrong.ts';
import type { Choices } from './choose.ts';

/** A wrong choice, and the situations in which it chooses differently from the posted one. */
export interface Told {
	readonly name: string;
	readonly about: string;
	readonly by: readonly string[];
}

/** Which situations tell each wrong choice. */
export function toldBy(
	names: readonly string[],
	posted: Choices,
	wrong: readonly Choices[],
	all: readonly Situation[],
) {
	return names.map((name, index): Told => {
		const by = all.filter((_, at) => wrong[index]![at] !== posted[at]).map(one => one.title);
		return { name, about: wrongBuilds.find(one => one.name === name)!.about, by };
	});
}

/** The table of docs/false-proof.md. The cell with the fewest others is named: it may be the only one. */
export function tableOf(told: readonly Told[]): string {
	const rows = told.map(({ name, about, by }) => {
		const hosts = by.filter(title => title.startsWith('choice/telling-hosts: '));
		const cells = by.filter(title => !title.startsWith('choice/telling-hosts: '));
		const first = (titles: readonly string[]) =>
			titles.length === 0 ? '-' : titles[0]!.replace(/\[.*| *choice\/telling-hosts: /g, '');
		return `| ${name} | ${about} | ${cells.length} | ${first(cells)} | ${hosts.length} | ${first(hosts)} |`;
	});
	return [
		'| build | what is wrong | cells | such as | telling hosts | such as |',
		'| --- | --- | --- | --- | --- | --- |',
		...rows,
	].join('\n');
}

/** Situations in which the posted choice does not come to what is predicted of the posted code. */
export function unlikePredicted(posted: Choices, all: readonly Situation[]): readonly string[] {
	return all.flatMap(({ title, facts, settings }, at) => {
		const outcomes = chooseBackend(hostModel(facts), settings).posted.map(({ backend, type }) =>
			backend === 'event-source' ? `${backend} ${type}` : backend,
		);
		// QEMU refuses the option before it chooses.
		const isRefused = outcomes.length === 0;
		return isRefused || outcomes.includes(posted[at]!) ? [] : [`${title}: ${posted[at]}, not ${outcomes.join(' or ')}`];
	});
}
