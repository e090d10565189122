import { UsageError } from '../../lib/errors.ts';

/** Suites of Debian that stand alone: unstable gets its fixes in itself. */
const alone = new Set(['sid', 'unstable', 'experimental', 'rc-buggy']);

/** A suite that a mirror must have, or one that only adds newer versions to it. */
export interface SuitePart {
	readonly suite: string;
	/** Whether it may be missing: some mirrors carry no updates, and a suite that is no longer supported loses them. */
	readonly optional: boolean;
}

/** Whether a suite is in the security archive, which has its own mirrors. */
export const isSecuritySuite = (suite: string) => suite.endsWith('-security');

/**
 * The suites that packages of a suite come from. Fixes of a release are in `-updates` and `-security`; backports only add a few
 * packages to their release. Without an order of preference, apt takes the newest version of them all.
 */
export function suiteChain(suite: string): readonly SuitePart[] {
	const base = /^(.+?)-(backports(?:-sloppy)?|updates|proposed-updates|security)$/.exec(suite)?.[1] ?? suite;
	if (suite === 'experimental' || suite === 'rc-buggy') return parts(['sid', suite], []);
	if (alone.has(base)) return parts([suite], []);
	const fixes = [`${base}-updates`, `${base}-security`];
	return parts([...new Set([base, suite])], fixes);
}

function parts(required: readonly string[], optional: readonly string[]): SuitePart[] {
	return [
		...required.map(suite => ({ suite, optional: false })),
		...optional.filter(suite => !required.includes(suite)).map(suite => ({ suite, optional: true })),
	];
}

/**
 * The release that apt prefers over newer versions of others (`APT::Default-Release`): backports and experimental, which apt
 * otherwise takes nothing from. A release itself is not preferred, because it would then outrank its own security suite.
 */
export function preferredRelease(suite: string): string | undefined {
	return /-backports(-sloppy)?$/.test(suite) || suite === 'experimental' || suite === 'rc-buggy' ? suite : undefined;
}

/** @throws UsageError for what cannot be a suite's name */
export function requireSuiteName(suite: string): void {
	if (/^[a-z][a-z0-9.-]*$/.test(suite)) return;
	throw new UsageError(
		`'${suite}' is not a Debian suite; a suite is a name such as bookworm, trixie, trixie-backports or sid`,
	);
}
