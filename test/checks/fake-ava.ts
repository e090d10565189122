import { AssertionError, deepStrictEqual, notDeepStrictEqual } from 'node:assert';

/**
 * A fake of AVA that runs a file's tests one after another in this process, for thousands of runs with another check
 * missing each. What it does not know, fails.
 */
type Body = (t: Execution) => unknown;

interface Collected {
	readonly before: Body[];
	readonly after: Body[];
	readonly tests: { readonly title: string; readonly body: Body }[];
}

let collected: Collected = { before: [], after: [], tests: [] };

function test(title: string, body: Body): void {
	collected.tests.push({ title, body });
}
test.serial = test;
test.skip = () => undefined;
test.before = (body: Body) => void collected.before.push(body);
const after = (body: Body) => void collected.after.push(body);
after.always = after;
test.after = after;
export default test;

interface ThrowsExpectation {
	readonly instanceOf?: new (...args: never[]) => unknown;
	readonly message?: string | RegExp;
	readonly code?: string;
	readonly name?: string;
}

function fail(message: string): never {
	throw new AssertionError({ message });
}

function isLike(seen: unknown, wanted: unknown): boolean {
	if (typeof wanted !== 'object' || wanted === null) return Object.is(seen, wanted);
	if (typeof seen !== 'object' || seen === null) return false;
	if (Object.keys(wanted).length === 0 || wanted instanceof Date || wanted instanceof RegExp) {
		try {
			deepStrictEqual(seen, wanted);
			return true;
		} catch {
			return false;
		}
	}
	return Object.entries(wanted).every(([key, value]) => isLike((seen as Record<string, unknown>)[key], value));
}

function requireError(error: unknown, expected: ThrowsExpectation = {}): unknown {
	const { instanceOf, message, code, name } = expected;
	const seen = error as { message?: string; code?: string; name?: string };
	if (!(error instanceof Error)) fail('it did not throw an error');
	if (instanceOf !== undefined && !(error instanceof instanceOf)) fail(`it threw ${error.name}`);
	if (typeof message === 'string' && seen.message !== message) fail(`it threw '${seen.message}'`);
	if (message instanceof RegExp && !message.test(seen.message ?? '')) fail(`it threw '${seen.message}'`);
	if (code !== undefined && seen.code !== code) fail(`it threw code ${seen.code}`);
	if (name !== undefined && seen.name !== name) fail(`it threw ${seen.name}`);
	return error;
}

/** What a test is given. */
class Execution {
	readonly context = {};
	readonly title: string;
	readonly teardowns: (() => unknown)[] = [];

	constructor(title: string) {
		this.title = title;
	}

	is = (seen: unknown, wanted: unknown) => Object.is(seen, wanted) || fail(`${String(seen)} is not ${String(wanted)}`);
	not = (seen: unknown, other: unknown) => !Object.is(seen, other) || fail('they are the same');
	true = (seen: unknown) => seen === true || fail('it is not true');
	false = (seen: unknown) => seen === false || fail('it is not false');
	truthy = (seen: unknown) => !!seen || fail('it is not truthy');
	regex = (text: string, pattern: RegExp) => pattern.test(text) || fail(`'${text}' does not match`);
	notRegex = (text: string, pattern: RegExp) => !pattern.test(text) || fail(`'${text}' matches`);
	deepEqual = (seen: unknown, wanted: unknown) => deepStrictEqual(seen, wanted);
	notDeepEqual = (seen: unknown, wanted: unknown) => notDeepStrictEqual(seen, wanted);
	like = (seen: unknown, wanted: unknown) => isLike(seen, wanted) || fail('it is not alike');
	pass = () => true;
	fail = (message = 'failed') => fail(message);
	log = () => undefined;
	timeout = () => undefined;
	teardown = (body: () => unknown) => void this.teardowns.push(body);

	throws = (body: () => unknown, expected?: ThrowsExpectation) => {
		let error: unknown;
		try {
			body();
		} catch (thrown) {
			error = thrown;
		}
		return requireError(error, expected);
	};
	throwsAsync = async (body: Promise<unknown> | (() => Promise<unknown>), expected?: ThrowsExpectation) => {
		const error = await (typeof body === 'function' ? body() : body).then(
			() => undefined,
			thrown => thrown,
		);
		return requireError(error, expected);
	};
	notThrows = (body: () => unknown) => body();
	notThrowsAsync = async (body: Promise<unknown> | (() => Promise<unknown>)) =>
		await (typeof body === 'function' ? body() : body);
}

/** Drops what was collected before a file is loaded. */
export function forget(): void {
	collected = { before: [], after: [], tests: [] };
}

/** Runs what the file collected. @returns the first test that fails, or undefined */
export async function runCollected(): Promise<{ readonly title: string; readonly error: unknown } | undefined> {
	const { before, after: last, tests } = collected;
	if (tests.length === 0) return { title: 'the file has no tests', error: undefined };
	const hook = async (bodies: readonly Body[]) => {
		for (const body of bodies) await run('a hook', body);
	};
	try {
		await hook(before);
		for (const { title, body } of tests) {
			try {
				await run(title, body);
			} catch (error) {
				return { title, error };
			}
		}
		return undefined;
	} catch (error) {
		return { title: 'before the tests', error };
	} finally {
		await hook(last).catch(() => undefined);
	}
}

async function run(title: string, body: Body): Promise<void> {
	const t = new Execution(title);
	try {
		await body(t);
	} finally {
		for (const teardown of t.teardowns.toReversed()) await teardown();
	}
}
