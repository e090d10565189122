import { shorten } from './foreign.ts';

/**
 * JSON that loses no integer. An integer beyond ±(2^53 - 1) is a `bigint`, both ways; everything else is as in
 * `JSON.parse` and `JSON.stringify`.
 */
export type JsonValue = JsonScalar | readonly JsonValue[] | JsonObject;
export type JsonScalar = null | boolean | number | bigint | string;
export type JsonObject = { readonly [name: string]: JsonValue };

/** An integer of more digits is beyond a double too, and a BigInt of millions of them takes more than linear time. */
const integer = /^-?\d{1,309}$/;

/** What `JSON` has since ECMAScript 2026; TypeScript's library does not declare it yet. */
const nativeJson = JSON as unknown as {
	parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): JsonValue;
	rawJSON(text: string): unknown;
};

/** Digits or an exponent that `JSON.parse` could round. Found in a string it only costs the slower way. */
const mayRound = /\d{16}|\d[eE][-+]?\d/;

/**
 * Reads one JSON text.
 *
 * @throws SyntaxError for what is not JSON, and for a number that no double can hold (`1e400`)
 */
export function parseJson(text: string): JsonValue {
	if (!mayRound.test(text)) return JSON.parse(text) as JsonValue;
	return nativeJson.parse(text, (_key, value, { source }) => {
		if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined) return value;
		if (integer.test(source)) return BigInt(source);
		if (!Number.isFinite(value))
			throw new SyntaxError(`the number ${shorten(source, 40)} is beyond the range of a double`);
		return value;
	});
}

export interface StringifyOptions {
	/** Spaces of indentation; one line when absent. */
	readonly indent?: number;
	/**
	 * What to do with a `number` that is an integer beyond ±(2^53 - 1), and so perhaps rounded already: `refuse` throws,
	 * `exponent` (default) writes it as the double that it is (`1e+20`), which reads back as a number and not a bigint.
	 */
	readonly unsafeIntegers?: 'refuse' | 'exponent';
}

/**
 * Writes one JSON text; `parseJson` gives back an equal value. A `bigint` is written as its bare digits.
 *
 * @throws TypeError for NaN, infinities, and what JSON has no form for (a function, `undefined` at the top, a cycle)
 */
export function stringifyJson(value: unknown, { indent, unsafeIntegers = 'exponent' }: StringifyOptions = {}): string {
	const text = JSON.stringify(
		value,
		(key, member: unknown) => {
			if (typeof member === 'bigint') return nativeJson.rawJSON(member.toString());
			if (typeof member !== 'number' || (Number.isSafeInteger(member) && !Object.is(member, -0))) return member;
			if (Object.is(member, -0)) return nativeJson.rawJSON('-0');
			if (!Number.isFinite(member)) throw new TypeError(`${place(key)} is ${member}, which JSON has no form for`);
			if (!Number.isInteger(member)) return member;
			if (unsafeIntegers === 'refuse') {
				throw new TypeError(
					`${place(key)} is the number ${member}, beyond 2^53 and perhaps rounded already: give a bigint (${BigInt(member)}n)`,
				);
			}
			return nativeJson.rawJSON(member.toExponential());
		},
		indent,
	) as string | undefined;
	if (text === undefined) throw new TypeError(`JSON has no form for ${typeof value}`);
	return text;
}

function place(key: string): string {
	return key === '' ? 'the value' : `'${key}'`;
}
