import { shorten } from './foreign.ts';

/**
 * A JSON value without loss of integer precision. An integer beyond ±(2^53 - 1) is a `bigint`, in both directions; everything
 * else is as in `JSON.parse` and `JSON.stringify`.
 */
export type JsonValue = JsonScalar | readonly JsonValue[] | JsonObject;
export type JsonScalar = null | boolean | number | bigint | string;
export type JsonObject = { readonly [name: string]: JsonValue };

/**
 * A longer integer is beyond the range of a double too, and making a BigInt of millions of digits takes more than linear
 * time.
 */
const integer = /^-?\d{1,309}$/;

/** Part of `JSON` since ECMAScript 2026; TypeScript's library does not declare it yet. */
const nativeJson = JSON as unknown as {
	parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): JsonValue;
	rawJSON(text: string): unknown;
};

/** Digits or an exponent that `JSON.parse` could round. A match inside a string only selects the slower path. */
const mayRound = /\d{16}|\d[eE][-+]?\d/;

/**
 * Parses one JSON text.
 *
 * @throws SyntaxError for invalid JSON, and for a number beyond the range of a double (`1e400`)
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
	/** Number of spaces of indentation; one line if absent. */
	readonly indent?: number;
	/**
	 * What to do with a `number` that is an integer beyond ±(2^53 - 1), and so may be rounded already: `refuse` throws,
	 * `exponent` (default) writes it as a double (`1e+20`), which parses as a number and not as a bigint.
	 */
	readonly unsafeIntegers?: 'refuse' | 'exponent';
}

/**
 * Writes one JSON text; `parseJson` returns an equal value. A `bigint` is written as its digits.
 *
 * @throws TypeError for NaN, infinities, and values that JSON cannot represent (a function, `undefined` at the top, a cycle)
 */
export function stringifyJson(value: unknown, { indent, unsafeIntegers = 'exponent' }: StringifyOptions = {}): string {
	const text = JSON.stringify(
		value,
		(key, member: unknown) => {
			if (typeof member === 'bigint') return nativeJson.rawJSON(member.toString());
			if (typeof member !== 'number' || (Number.isSafeInteger(member) && !Object.is(member, -0))) return member;
			if (Object.is(member, -0)) return nativeJson.rawJSON('-0');
			if (!Number.isFinite(member)) throw new TypeError(`${place(key)} is ${member}, which JSON cannot represent`);
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
	if (text === undefined) throw new TypeError(`JSON cannot represent a ${typeof value}`);
	return text;
}

function place(key: string): string {
	return key === '' ? 'the value' : `'${key}'`;
}
