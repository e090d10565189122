import test, { type ExecutionContext } from 'ava';

/** Declares a test, or one that is skipped. */
export type Declare = (title: string, body: (t: ExecutionContext) => unknown) => void;

/**
 * Returns AVA's `test`, or, if there is a reason why tests cannot run here, a declaration of skipped tests whose titles end
 * with the reason. `serial`: one after another.
 */
export function unless(reason: string | undefined, { serial = false } = {}): Declare {
	const declare = serial ? test.serial : test;
	return reason === undefined
		? (title, body) => declare(title, body)
		: (title, body) => test.skip(`${title} (not run: ${reason})`, body);
}

/** Why tests that need root do not run. */
export const unlessRoot = process.geteuid?.() === 0 ? undefined : 'it needs root';
