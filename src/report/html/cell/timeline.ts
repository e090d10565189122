import { scaleLinear } from 'd3-scale';
import { formatDuration } from '../../../lib/waiting/deadline.ts';
import type { CellResult } from '../../../run/results.ts';
import { type Markup, markup } from '../markup.ts';

/** Shows where the time of a cell went: QEMU's start, its greeting, the guest's boot, and the rest. */
export function timeline({ timings }: CellResult): Markup {
	const { spawnMs, greetingMs, shellMs, totalMs } = timings;
	if (totalMs === null || spawnMs === null || greetingMs === null) return null;
	const bootedAt = shellMs ?? greetingMs;
	const steps = [
		{ name: 'QEMU is started', from: 0, to: spawnMs },
		{ name: 'QMP greets', from: spawnMs, to: greetingMs },
		...(shellMs === null ? [] : [{ name: 'the guest boots', from: greetingMs, to: shellMs }]),
		{ name: 'before, between and after', from: bootedAt, to: Math.max(totalMs, bootedAt) },
	].filter(({ from, to }) => to > from);
	const end = steps.at(-1)?.to ?? 1;
	const x = scaleLinear([0, end], [0, 580]);
	const text = steps.map(({ name, from, to }) => `${name} ${formatDuration(to - from)}`).join(', ');
	return markup`<h3>Time</h3><figure class="plot"><svg viewBox="0 0 640 62" role="img" aria-label=${`timeline: ${text}`}>
${steps.map(
	({ from, to }, index) =>
		markup`<rect class=${`step-${index}`} x=${26 + x(from)} y="8" width=${Math.max(1, x(to) - x(from))} height="22" />`,
)}
${x.ticks(6).map(tick => markup`<g><line class="axis" x1=${26 + x(tick)} x2=${26 + x(tick)} y1="30" y2="36" /><text x=${26 + x(tick)} y="50" text-anchor="middle">${formatDuration(tick)}</text></g>`)}
</svg><figcaption>${steps.map(({ name, from, to }, index) => markup`<span><i class=${`key step-${index}`}></i>${name} ${formatDuration(to - from)}</span> `)}</figcaption></figure>`;
}
