import { messageOf, UsageError } from '../../lib/errors.ts';
import type { HostFacts } from '../facts.ts';

/**
 * Parses facts as printed by `vpmu probe --json`. `where` is the name of the source in errors.
 *
 * @throws UsageError: one sentence that names the first wrong value, its position and what is allowed
 */
export function parseHostFacts(text: string, where: string): HostFacts {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (error) {
		const found = text.trim() === '' ? 'it is empty' : messageOf(error);
		throw new UsageError(`${where} is not what 'vpmu probe --json' prints: ${found}`);
	}
	hostFacts(value, '', (at, expected, found) => {
		const place = at === '' ? where : `'${at}' in ${where}`;
		throw new UsageError(`${place} is ${shortened(found)}, but must be ${expected} (as 'vpmu probe --json' prints)`);
	});
	return value as HostFacts;
}

const shortened = (value: unknown) => {
	if (value === undefined) return 'missing';
	const text = JSON.stringify(value);
	return text.length > 60 ? `${text.slice(0, 60)}...` : text;
};

type Wrong = (at: string, expected: string, found: unknown) => never;
type Check = (value: unknown, at: string, wrong: Wrong) => void;

const isObject = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

const inside = (at: string, name: string) => (at === '' ? name : `${at}.${name}`);

const that =
	(expected: string, holds: (value: unknown) => boolean): Check =>
	(value, at, wrong) => {
		if (!holds(value)) wrong(at, expected, value);
	};

const text = that('text', value => typeof value === 'string');
const boolean = that('true or false', value => typeof value === 'boolean');

/** Checks an object with these members; those in `optional` may be missing. Unknown members are ignored, for newer facts. */
const members =
	(required: Record<string, Check>, optional: Record<string, Check> = {}): Check =>
	(value, at, wrong) => {
		if (!isObject(value)) return wrong(at, 'an object', value);
		for (const [name, check] of Object.entries(required)) check(value[name], inside(at, name), wrong);
		for (const [name, check] of Object.entries(optional)) {
			if (value[name] !== undefined) check(value[name], inside(at, name), wrong);
		}
	};

const recordOf =
	(check: Check): Check =>
	(value, at, wrong) => {
		if (!isObject(value)) return wrong(at, 'an object', value);
		for (const [name, member] of Object.entries(value)) check(member, inside(at, name), wrong);
	};

const fileText = that(
	'{"text": ...} or {"error": ...}',
	value => isObject(value) && (typeof value.text === 'string') !== (typeof value.error === 'string'),
);
const answer = that(
	'"yes", "no" or {"unknown": ...}',
	value => value === 'yes' || value === 'no' || (isObject(value) && typeof value.unknown === 'string'),
);

const eventSource = members(
	{ name: text, link: fileText, type: fileText, cpus: fileText },
	{ cpumask: fileText, format: recordOf(text), caps: recordOf(text) },
);

const defaultCount = members({ madeOn: text, counted: text, stopped: text });
const defaultCounts: Check = (value, at, wrong) => {
	if (Array.isArray(value)) for (const [index, one] of value.entries()) defaultCount(one, `${at}[${index}]`, wrong);
	else if (!isObject(value) || typeof value.unknown !== 'string') wrong(at, 'a list or {"unknown": ...}', value);
};

const fixedCountersMembers = members({
	eventCounters: that('a number', value => typeof value === 'number'),
	...{ cyclesListed: boolean, counted: text, stopped: text },
});
const fixedCounters: Check = (value, at, wrong) => {
	if (!isObject(value) || typeof value.unknown !== 'string') fixedCountersMembers(value, at, wrong);
};

const hostFacts = members({
	schema: that('"vpmu-facts/1"', value => value === 'vpmu-facts/1'),
	host: text,
	topology: that('text or null', value => value === null || typeof value === 'string'),
	kernel: members({ release: text, machine: text }),
	cpus: members({ possible: fileText, present: fileText, online: fileText, allowed: fileText, midr: recordOf(text) }),
	eventSources: (value, at, wrong) => {
		if (Array.isArray(value))
			for (const [index, entry] of value.entries()) eventSource(entry, `${at}[${index}]`, wrong);
		else if (!isObject(value) || typeof value.error !== 'string') wrong(at, 'a list or {"error": ...}', value);
	},
	kvm: members(
		{
			present: boolean,
			usable: answer,
			pmuV3: answer,
			setPmu: answer,
			setNrCounters: answer,
			filter: answer,
			attribute5: answer,
			pmuV3Strict: answer,
		},
		{ scratchVcpu: answer, setPmuTypes: recordOf(text), vcpuInitCpus: text, defaultCounts, fixedCounters },
	),
	other: recordOf(text),
	simulated: that('a list of texts', value => Array.isArray(value) && value.every(item => typeof item === 'string')),
});
