import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { parseJson } from '../text/json.ts';

/** The result of reading a JSON file. The caller decides what to do: create the file again, do without it, or report it. */
export type Stored<T> =
	| { readonly state: 'ok'; readonly value: T }
	| { readonly state: 'missing' }
	/** `problem` completes a sentence that begins with the file's name: `is empty`, `is not JSON: …`. */
	| { readonly state: 'damaged'; readonly problem: string };

/** A valibot schema for a vpmu JSON file. */
export type Shape<T> = v.GenericSchema<unknown, T>;

/**
 * Parses JSON text and checks its shape. Members that the shape does not name are kept, so that an earlier version can read
 * the file of a later one.
 */
export function checkJson<T>(text: string, shape: Shape<T>): Exclude<Stored<T>, { state: 'missing' }> {
	if (text.trim() === '') return { state: 'damaged', problem: 'is empty' };
	let value: unknown;
	try {
		value = parseJson(text);
	} catch (error) {
		return { state: 'damaged', problem: `is not JSON: ${shown((error as Error).message, 120)}` };
	}
	const { success, issues, output } = v.safeParse(shape, value);
	if (success) return { state: 'ok', value: output };
	const [issue] = issues;
	const place = v.getDotPath(issue);
	const where = place === null ? 'is' : `has '${shown(place, 100)}' as`;
	const found = issue.received === 'undefined' ? 'nothing' : shown(issue.received, 60);
	const expected = issue.expected === null ? '' : `; allowed: ${shown(issue.expected, 200)}`;
	return { state: 'damaged', problem: `${where} ${found}${expected}` };
}

/** Reads and checks a JSON file. @throws the system's error for an existing file that cannot be read */
export async function readStored<T>(file: string, shape: Shape<T>): Promise<Stored<T>> {
	return await readFile(file, 'utf8').then(text => checkJson(text, shape), missing);
}

/** As {@link readStored}, but synchronous. */
export function readStoredSync<T>(file: string, shape: Shape<T>): Stored<T> {
	let text: string;
	try {
		text = readFileSync(file, 'utf8');
	} catch (error) {
		return missing(error);
	}
	return checkJson(text, shape);
}

function missing(error: unknown): { state: 'missing' } {
	const { code } = error as NodeJS.ErrnoException;
	if (code === 'ENOENT' || code === 'ENOTDIR') return { state: 'missing' };
	throw error;
}

/** A part of a foreign text that is safe for a terminal. */
function shown(text: string, length: number): string {
	const plain = text.replaceAll(/[^\P{C}]/gu, '?');
	return plain.length > length ? `${plain.slice(0, length)}…` : plain;
}
