import { scaleLinear } from 'd3-scale';
import type { CellResult, PerfReading } from '../../../run/results.ts';
import { cpusText, shortCount } from '../../words.ts';
import { type Markup, markup } from '../markup.ts';
import { area, plotFrame } from './frame.ts';

/** Number of plots of each kind; the table has all counts. */
const mostPlots = 12;

/** Converts a count for drawing; `null` if it was not counted or is not a number. */
function drawn(count: string | null | undefined): number | null {
	const value = count === null || count === undefined || count === '' ? Number.NaN : Number(count);
	return Number.isFinite(value) && value >= 0 ? value : null;
}

const scaleTo = (most: number) => scaleLinear([0, most > 0 ? most : 1], [area.bottom, area.top]).nice(5);

const where = ({ pinned, vcpu }: Pick<PerfReading, 'pinned' | 'vcpu'>) =>
	`${pinned === null ? 'on any CPU' : `on host ${cpusText(pinned)}`}${vcpu === undefined ? '' : `, vCPU ${vcpu}`}`;

/** Plots counts over time while the vCPU was moved: a step per interval, a band per stay. */
export function movedPlots({ moved = [] }: CellResult): Markup[] {
	return moved.slice(0, mostPlots).map(({ event, intervalMs, stays }) => {
		const shown = stays.slice(0, 24);
		// A stay in which the vCPU could not run has no intervals, but is shown.
		const lengths = shown.map(({ counts }) => Math.max(counts.length, 2));
		const total = lengths.reduce((sum, length) => sum + length, 0);
		const x = scaleLinear([0, Math.max(total, 1)], [area.left, area.right]);
		const y = scaleTo(Math.max(0, ...shown.flatMap(({ counts }) => counts.map(count => drawn(count) ?? 0))));
		let at = 0;
		const bands = shown.map(({ pinned, counts, refused }, index) => {
			const [from, to] = [x(at), x(at + lengths[index]!)];
			const steps = counts.map((count, interval) => {
				const [left, right] = [x(at + interval), x(at + interval + 1)];
				const value = drawn(count);
				if (value === null)
					return markup`<text x=${(left + right) / 2} y=${area.bottom - 6} text-anchor="middle">?</text>`;
				return markup`<rect class="count" x=${left + 2} y=${Math.min(y(value), area.bottom - 2)} width=${Math.max(1, right - left - 4)} height=${Math.max(2, area.bottom - y(value))} />`;
			});
			at += lengths[index]!;
			return markup`<g><rect class=${`stay ${refused === undefined ? (index % 2 === 0 ? 'even' : 'odd') : 'refused'}`} x=${from} y=${area.top} width=${to - from} height=${area.bottom - area.top} />
${steps}<text x=${(from + to) / 2} y="208" text-anchor="middle">${cpusText(pinned)}</text>
${refused !== undefined && markup`<text class="bad" x=${(from + to) / 2} y=${(area.top + area.bottom) / 2} text-anchor="middle">cannot run</text>`}</g>`;
		});
		const told = shown.map(
			({ pinned, counts, refused }) =>
				`on ${cpusText(pinned)} ${refused === undefined ? counts.map(count => shortCount(count)).join(', ') : 'it cannot run'}`,
		);
		return plotFrame({
			...{ y, content: bands, label: `${event} in intervals while the vCPU moved: ${told.join('; ')}` },
			caption: `${event} in intervals of ${intervalMs} ms while the vCPU was moved from one group of host CPUs to the next`,
		});
	});
}

/** Plots N and 2N: each measurement as a line, the smallest counts on top, and the accepted band. */
export function slopePlots({ perf }: CellResult): Markup[] {
	return perf
		.filter(({ count, doubled }) => drawn(count) !== null && drawn(doubled) !== null)
		.slice(0, mostPlots)
		.map(reading => {
			const { event, count, doubled, samples = [] } = reading;
			const [once, twice] = [drawn(count)!, drawn(doubled)!];
			const y = scaleTo(Math.max(once * 3.5, twice, ...samples.map(sample => drawn(sample.doubled) ?? 0)));
			const pairs = samples.flatMap(sample => {
				const [first, second] = [drawn(sample.count), drawn(sample.doubled)];
				return first === null || second === null ? [] : [[first, second] as const];
			});
			const x = scaleLinear([0.6, 2.2], [area.left, area.right]);
			const line = (a: number, b: number, name: string) =>
				markup`<g class=${name}><line x1=${x(1)} y1=${y(a)} x2=${x(2)} y2=${y(b)} /><circle cx=${x(1)} cy=${y(a)} r="4" /><circle cx=${x(2)} cy=${y(b)} r="4" /></g>`;
			const band = `${x(1)},${y(once)} ${x(2)},${y(once * 1.3)} ${x(2)},${y(once * 3.5)}`;
			const ratio = once > 0 ? `${(twice / once).toFixed(2)} times as much` : 'from nothing';
			return plotFrame({
				y,
				label: `${event} ${where(reading)}: ${shortCount(count)} for the work, ${shortCount(doubled ?? null)} for twice the work, ${ratio}`,
				caption: `${event} ${where(reading)}: twice the work counts ${ratio}; 1.3 to 3.5 times is believed (shaded)`,
				content: markup`<polygon class="band" points=${band} />
${pairs.map(([once, twice]) => line(once, twice, 'sample'))}
${line(once, twice, 'least')}
<text x=${x(1)} y="208" text-anchor="middle">N</text><text x=${x(2)} y="208" text-anchor="middle">2N</text>`,
			});
		});
}

/** Plots repeated measurements of one count: each as a point, with minimum and median. */
export function samplePlots({ perf }: CellResult): Markup[] {
	return perf
		.filter(({ samples = [] }) => samples.filter(({ count }) => drawn(count) !== null).length > 1)
		.slice(0, mostPlots)
		.map(reading => {
			const counts = (reading.samples ?? []).flatMap(({ count }) => drawn(count) ?? []).slice(0, 64);
			const sorted = counts.toSorted((a, b) => a - b);
			const [least, most] = [sorted[0]!, sorted.at(-1)!];
			const median = sorted[Math.floor(sorted.length / 2)]!;
			const y = scaleTo(most);
			const x = scaleLinear([0.5, counts.length + 0.5], [area.left, area.right]);
			const level = (value: number, name: 'least' | 'median') =>
				markup`<g class=${name}><line x1=${area.left} x2=${area.right} y1=${y(value)} y2=${y(value)} /><text x=${name === 'least' ? area.right : area.left + 4} y=${name === 'least' ? y(value) + 14 : y(value) - 5} text-anchor=${name === 'least' ? 'end' : 'start'}>${name} ${shortCount(value)}</text></g>`;
			const spread = least > 0 ? `${(((most - least) / least) * 100).toFixed(1)} %` : 'unknown';
			return plotFrame({
				y,
				label: `${reading.event} ${where(reading)}, measured ${counts.length} times: least ${shortCount(least)}, median ${shortCount(median)}, most ${shortCount(most)}`,
				caption: `${reading.event} ${where(reading)}, measured ${counts.length} times: the least is believed; spread ${spread}`,
				content: markup`${level(median, 'median')}${level(least, 'least')}
${counts.map((count, index) => markup`<circle class="count" cx=${x(index + 1)} cy=${y(count)} r="4" />`)}
${counts.map((_, index) => markup`<text x=${x(index + 1)} y="208" text-anchor="middle">${index + 1}</text>`)}`,
			});
		});
}
