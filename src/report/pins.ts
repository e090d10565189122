import { counted } from '../lib/text/counted.ts';
import type { PackagePin } from '../run/results.ts';

/** From this age on, a pin is reported: Debian fixes its kernel, QEMU and sshd every few weeks. */
export const staleAfterDays = 30;

const dayMs = 24 * 60 * 60 * 1000;

/** Whole days since the versions of a pin were chosen; 0 for a pin from the future. */
export function pinAgeDays(pin: Pick<PackagePin, 'resolvedAt'>, now: number): number {
	return Math.max(0, Math.floor((now - Date.parse(pin.resolvedAt)) / dayMs));
}

/** What a pin is for: `linux-image-cloud-arm64 of trixie (arm64)`. */
export function pinName({ packages, suite, architecture }: PackagePin): string {
	const [first = 'nothing', ...more] = packages;
	return `${first}${more.length === 0 ? '' : ` and ${more.length} more`} of ${suite} (${architecture})`;
}

/** Whether the release has a security suite that the mirrors lacked when the versions were chosen. */
function lacksSecurity({ absent }: PackagePin): boolean {
	return absent.some(suite => suite.endsWith('-security'));
}

/**
 * Says of which day the versions of Debian's packages are, and what to do if they are old. Pure.
 * @param pins with at least one pin
 */
export function wordsOfPins(
	pins: readonly PackagePin[],
	now: number,
): { readonly text: string; readonly stale: boolean; readonly remedy: string } {
	const sorted = pins.toSorted((a, b) => Date.parse(a.resolvedAt) - Date.parse(b.resolvedAt));
	const oldest = sorted[0]!;
	const days = pinAgeDays(oldest, now);
	const date = oldest.resolvedAt.slice(0, 10);
	const stale = pins.filter(pin => pinAgeDays(pin, now) >= staleAfterDays);
	const bare = pins.filter(lacksSecurity);
	const age = days === 0 ? 'today' : `${counted(days, 'day')} ago`;
	return {
		text:
			stale.length > 0
				? `${stale.length} of ${pins.length} choices of Debian packages are ${staleAfterDays} days old or more; the oldest is ${pinName(oldest)}, chosen ${age} (${date})`
				: bare.length > 0
					? `${pinName(bare[0]!)} was chosen from mirrors without security fixes`
					: `versions of Debian packages chosen ${age}${days === 0 ? '' : ' or later'} (${date})`,
		stale: stale.length > 0 || bare.length > 0,
		remedy: "'vpmu image build --refresh' chooses the newest versions, security fixes included",
	};
}
