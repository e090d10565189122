import type { Progress } from '../../../src/image/index.ts';
import { formatDuration, screen, visible } from '../../../src/lib/index.ts';
import type { Output } from '../../usage/output.ts';

/** Formats a size: `812 B`, `10.6 MB` (powers of ten, as for packages and disks). */
export function formatBytes(bytes: number): string {
	const units = ['B', 'kB', 'MB', 'GB', 'TB'];
	let value = bytes;
	let unit = 0;
	while (value >= 999.5 && unit < units.length - 1) {
		value /= 1000;
		unit++;
	}
	return `${unit === 0 ? value : value.toFixed(value < 99.95 ? 1 : 0)} ${units[unit]}`;
}

/** Shorter steps are not shown in a log. */
const worthALineMs = 300;

/**
 * Shows progress of a long step: its amount and duration. A terminal gets one line that is overwritten; a log gets a
 * line when a step starts and one when it ends.
 */
export function progressPrinter(output: Pick<Output, 'write' | 'isTTY' | 'columns'>): {
	report(progress: Progress): void;
	end(): void;
} {
	let current: { what: string; startedAt: number; shown: boolean } | undefined;
	const terminal = output.isTTY;
	const clear = terminal ? [screen.clearLine] : [];
	const end = () => {
		if (terminal && current?.shown === true) output.write(clear);
		current = undefined;
	};
	const report = (progress: Progress) => {
		if ('notice' in progress) {
			output.write([...clear, `${progress.notice}\n`]);
			return;
		}
		const { what, done, total, unit } = progress;
		if (current?.what !== what) {
			current = { what, startedAt: performance.now(), shown: false };
			if (!terminal && done !== total) output.write(`${what}${total === null ? '' : ` (${amount(total, unit)})`}\n`);
		}
		const elapsedMs = performance.now() - current.startedAt;
		const took = elapsedMs < worthALineMs ? '' : `, ${formatDuration(elapsedMs)}`;
		if (done === total) {
			if (terminal) output.write([...clear, `${what}: ${amount(done, unit)}${took}\n`]);
			else if (took !== '') output.write(`${what}: done${took}\n`);
			current = { what, startedAt: performance.now(), shown: false };
			return;
		}
		if (!terminal) return;
		const far = total === null ? amount(done, unit) : `${amount(done, unit)} of ${amount(total, unit)}`;
		const line = visible(`${what}: ${far}${took}`).slice(0, (output.columns ?? 80) - 1);
		output.write([...clear, line]);
		current.shown = true;
	};
	return { report, end };
}

function amount(value: number, unit: Exclude<Progress, { notice: string }>['unit']): string {
	if (unit === 'bytes') return formatBytes(value);
	if (unit === 'percent') return `${Math.round(value)} %`;
	return `${value} ${value === 1 ? unit.slice(0, -1) : unit}`;
}
