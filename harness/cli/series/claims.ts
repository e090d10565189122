import type { Statement } from '../../../src/patch/index.ts';
import type { Claim } from '../../../src/report/index.ts';
import type { CellResult } from '../../../src/run/index.ts';

/** A topic that series make claims about, and the cells that test it. */
interface Topic {
	readonly says: RegExp;
	readonly tries: (cell: CellResult) => boolean;
}

const hasRule =
	(...rules: readonly string[]) =>
	({ predicted }: CellResult) =>
		predicted !== null && rules.includes(predicted.rule);
const isCase =
	(...cases: readonly string[]) =>
	(cell: CellResult) =>
		cases.includes(cell.case);

/** Each pattern is tried on one sentence, and has no unbounded repetition. */
const topics: readonly Topic[] = [
	{
		says: /\bpmu=|\bpmu property\b.{0,40}|specif(?:y|ies|ied)\b.{0,30}\bevent source|event source\b.{0,30}\bspecif|choose a specific event source/i,
		tries: hasRule('explicit'),
	},
	{
		says: /backward compat|backcompat|machine (?:type|version)\b.{0,30}\bold\b|\bold(?:er)? machine|prior to \d/i,
		tries: cell => hasRule('backcompat')(cell) || cell.case.startsWith('compat/'),
	},
	{
		says: /\b(?:covers?|supports?) all (?:of the )?(?:host )?p?cpus/i,
		tries: hasRule('covers-all', 'covers-all-default'),
	},
	{ says: /fixed-counters-only/i, tries: hasRule('fixed-counters-only') },
	{
		says: /disables? (?:the )?pmu|no (?:such )?backend|cannot be enabled|no pmu can be/i,
		tries: hasRule('no-cover', 'no-scratch-vcpu', 'no-kvm-pmu'),
	},
	{
		says: /\bdeterministic|device hierarchy/i,
		tries: isCase('choice/same-every-time', 'choice/smallest-path-wins'),
	},
	{
		says: /\baffinity\b|run exclusively|pcpus associated|subset of (?:the )?host cpus|stop counting/i,
		tries: isCase(
			'counting/moved-in-mid-count',
			'counting/each-group',
			'choice/each-event-source',
			'pmu/biglittle-moved',
		),
	},
	{
		says: /\bpmu\b.{0,30}\b(?:set to|property is)\b.{0,20}\b(?:on|off|true|false)\b|\bpmu=(?:on|off|false)/i,
		tries: cell => cell.cpuPmu !== null,
	},
	{
		says: /not all event sources|\b(?:in|un)compatible event source|\brefuses?\b/i,
		tries: hasRule('explicit-refused', 'out-of-range', 'bad-option'),
	},
	{
		says: /\bmigrat(?:e|es|ed|ion)\b|\bsavevm\b|\bsnapshots?\b/i,
		tries: isCase('compat/migrated', 'compat/restored-elsewhere', 'vm/migration'),
	},
	{ says: /after (?:it is )?initiali[sz]|chang\w{1,5} properties/i, tries: isCase('choice/asked-twice') },
	{ says: /without\b.{0,30}\bset_pmu|old(?:er)? kernels?\b/i, tries: isCase('choice/lesser-kernels') },
	{ says: /\btrace[- ]events?\b/i, tries: isCase('choice/default') },
];

/** Longest sentence to quote. */
const longestQuote = 240;

/**
 * Finds claims in a series' own text that were tested, and by which cells. A cell contradicts a claim if it fails with
 * the series but not without. Sentences that no case covers are left out. Pure.
 *
 * @param isOld whether a cell, by its id, also fails without the series
 */
export function claimsOf(
	statements: readonly Statement[],
	cells: readonly CellResult[],
	isOld: (id: string) => boolean,
): Claim[] {
	// QOM queries do not depend on the chosen backend.
	const ran = cells.filter(
		cell => cell.status !== 'skip' && cell.status !== 'error' && cell.case !== 'pmu/properties-readable',
	);
	return statements.flatMap(({ where, text }): Claim[] => {
		const meant = topics.filter(topic => topic.says.test(text));
		if (meant.length === 0) return [];
		const tried = ran.filter(cell => meant.some(topic => topic.tries(cell)));
		const against = tried.filter(({ status, id }) => (status === 'fail' || status === 'xfail') && !isOld(id));
		return [
			{
				text: text.length > longestQuote ? `${text.slice(0, longestQuote)}...` : text,
				...{ where, cells: tried.map(cell => cell.id), against: against.map(cell => cell.id) },
				state: tried.length === 0 ? 'not-tried' : against.length > 0 ? 'fails' : 'holds',
			},
		];
	});
}
