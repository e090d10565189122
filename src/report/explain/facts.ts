import type { CellResult } from '../../run/results.ts';
import { observedOf, viewOf } from '../words.ts';

/** Names what a cell ran with, what was predicted, and what was observed: one line each, without what does not apply. */
export function factsOf(cell: CellResult): (readonly [name: string, value: string])[] {
	const { on, qemu, simulated, quarantine, predicted, observed, notes = [] } = cell;
	const source = predicted?.name === undefined ? '' : ` (${predicted.name})`;
	const facts = [
		['host', `${on.host ?? '?'}${on.kernel === null ? '' : `, Linux ${on.kernel}`}`],
		[
			'QEMU',
			`${qemu.version ?? 'unknown version'} (${qemu.path ?? '?'})${qemu.hasPmuChoice === true ? ', has the PMU choice' : ''}`,
		],
		['machine', `${cell.machine}, ${cell.accel}`],
		['pmu', cell.pmu ?? ''],
		['-cpu pmu', cell.cpuPmu === null ? '' : cell.cpuPmu ? 'on' : 'off'],
		['simulated', simulated.join(', ')],
		['predicted', predicted === null ? '' : `${viewOf(predicted)}${source}, by rule ${predicted.rule}`],
		['observed', observed === null ? '' : observedOf(cell)],
		['in quarantine', quarantine === undefined ? '' : `until ${quarantine.until}: ${quarantine.reason}`],
		...notes.map(note => ['note', note] as const),
	] as const;
	return facts.filter(([, value]) => value !== '');
}
