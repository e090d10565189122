import type { CellResult } from '../../../run/results.ts';
import { cpusText, shortCount } from '../../words.ts';
import { type Markup, markup } from '../markup.ts';

/** Number of CPUs drawn; larger hosts are only described. */
const mostCpus = 128;
const perRow = 16;
const box = 38;

/** Parses a CPU list into numbers, the first ones, ascending. Empty for malformed text. */
export function cpusOf(list: string, most = mostCpus): number[] {
	const cpus = new Set<number>();
	for (const part of list.split(',')) {
		const [, first, last] = /^\s*(\d{1,9})(?:-(\d{1,9}))?\s*$/.exec(part) ?? [];
		if (first === undefined) continue;
		for (let cpu = Number(first); cpu <= Number(last ?? first) && cpus.size < most; cpu++) cpus.add(cpu);
	}
	return [...cpus].sort((a, b) => a - b);
}

/** The places of the vCPU, in order, with what was seen there. */
function placesOf({ perf, moved = [] }: CellResult): { readonly cpus: string; readonly seen: string }[] {
	const stays = moved.flatMap(({ event, stays }) =>
		stays.map(({ pinned, counts, refused }) => ({
			cpus: pinned,
			seen:
				refused === undefined
					? `${event}: ${counts.map(count => shortCount(count)).join(', ')}`
					: `cannot run: ${refused}`,
		})),
	);
	if (stays.length > 0) return stays;
	const byPlace = Map.groupBy(perf, ({ pinned }) => pinned);
	return [...byPlace].map(([cpus, readings]) => ({
		cpus: cpus ?? '',
		seen: readings
			.map(({ event, state, count }) => `${event} ${state === 'counted' ? shortCount(count) : state}`)
			.join(', '),
	}));
}

const signs: Readonly<Record<string, string>> = { counts: '✓', stops: '0', 'cannot-run': '✗', 'no-pmu': '–' };
const meanings: Readonly<Record<string, string>> = {
	...{ counts: 'counts there', stops: 'runs there, its counters stand still' },
	...{ 'cannot-run': 'cannot run there', 'no-pmu': 'runs there without a PMU' },
};

/** Draws the host's CPUs and PMUs, with the places of the vCPU and the prediction for each CPU. */
export function hostPicture(cell: CellResult): Markup {
	const { cpus: host, predicted } = cell;
	if (host === undefined) return null;
	const drawn = cpusOf(host.online);
	const pmus = host.pmus.slice(0, 6).map(pmu => ({ ...pmu, on: new Set(cpusOf(pmu.cpus)) }));
	const places = placesOf(cell).slice(0, 12);
	const placed = places.map(({ cpus }) => new Set(cpus === '' ? drawn : cpusOf(cpus)));
	const rows = Math.ceil(drawn.length / perRow);
	const rowHeight = 28 + box + pmus.length * 9 + 12;
	const counting = (cpu: number) => predicted?.counting?.[cpu] ?? '';
	const width = Math.min(drawn.length, perRow) * (box + 4) + 8;
	const words = [
		`host ${cpusText(host.online)}`,
		...host.pmus.map(({ name, type, cpus }) => `${name} (type ${type}) on ${cpus}`),
		...places.map(({ cpus }, index) => `vCPU ${index + 1}. on ${cpus || 'any'}`),
	].join('; ');
	const seenSigns = [...new Set(drawn.map(counting))].filter(word => meanings[word] !== undefined);
	return markup`<h3>Host</h3><figure class="plot host">
<svg viewBox=${`0 0 ${Math.max(width, 200)} ${Math.max(rows, 1) * rowHeight}`} width=${Math.max(width, 200)} role="img" aria-label=${words}>
${drawn.map((cpu, index) => {
	const x = 4 + (index % perRow) * (box + 4);
	const y = Math.floor(index / perRow) * rowHeight + 24;
	const own = pmus.findIndex(({ on }) => on.has(cpu));
	const here = placed.flatMap((on, place) => (on.has(cpu) ? [place + 1] : []));
	return markup`<g>
${here.length > 0 && markup`<text class="vcpu" x=${x + box / 2} y=${y - 6} text-anchor="middle">${here.length > 4 ? `${here.slice(0, 3).join(' ')}…` : here.join(' ')}</text>`}
<rect class=${`cpu pmu-${own === -1 ? 'none' : own}${here.length > 0 ? ' here' : ''}`} x=${x} y=${y} width=${box} height=${box} rx="4" />
<text class="number" x=${x + box / 2} y=${y + 16} text-anchor="middle">${cpu}</text>
<text x=${x + box / 2} y=${y + 31} text-anchor="middle">${signs[counting(cpu)] ?? (counting(cpu) === '' ? '' : '?')}</text>
${pmus.map(({ on }, pmu) => on.has(cpu) && markup`<rect class=${`bar pmu-${pmu}`} x=${x - 2} y=${y + box + 4 + pmu * 9} width=${box + 4} height="6" />`)}
</g>`;
})}</svg>
<figcaption>
<ul>${host.pmus.slice(0, 64).map(({ name, type, cpus }, index) => markup`<li><i class=${`key pmu-${index < 6 ? index : 'none'}`}></i>${name}, type ${type}, on ${cpus === '' ? 'no CPU' : cpusText(cpus)}</li>`)}
${host.pmus.length === 0 && markup`<li>no PMU of CPUs</li>`}
${seenSigns.map(word => markup`<li><b>${signs[word]}</b> predicted: the vCPU ${meanings[word]}</li>`)}
${host.allowed !== null && host.allowed !== host.online && markup`<li>QEMU may run on ${cpusText(host.allowed)} only</li>`}
${drawn.length >= mostCpus && markup`<li>the first ${mostCpus} CPUs of ${host.online} are drawn</li>`}</ul>
${places.length > 0 && markup`<ol>${places.map(({ cpus, seen }) => markup`<li>vCPU on ${cpus === '' ? 'any CPU' : cpusText(cpus)}: ${seen}</li>`)}</ol>`}
</figcaption></figure>`;
}
