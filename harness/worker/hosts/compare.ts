import {
	type FindingId,
	type HostFacts,
	type Prediction,
	postedStarts,
	predictBackend,
	simulatedFacts,
} from '../../../src/pmu/index.ts';
import type { SeenStart } from './batch.ts';
import type { DifferentialCase } from './generate.ts';

/** How QEMU's choice compares with the prediction. */
export type Comparison =
	| { readonly outcome: 'agrees' }
	/** Differs from the patch's description in the way its posted code is known to differ. */
	| { readonly outcome: 'finding'; readonly findings: readonly FindingId[] }
	| { readonly outcome: 'unexplained'; readonly expected: readonly string[]; readonly seen: string };

/** Compares one start with its prediction. Pure. */
export function compareStart(
	facts: HostFacts,
	{ description, settings }: DifferentialCase,
	seen: SeenStart,
): Comparison {
	const known = simulatedFacts(facts, description);
	const specified = predictBackend(known, settings);
	if (matches(specified, seen)) return { outcome: 'agrees' };
	const posted = postedStarts(known, settings);
	const found = posted.find(
		start => start.findings.length > 0 && (start.ends ? ended(seen) : matches(start.prediction, seen)),
	);
	if (found !== undefined) return { outcome: 'finding', findings: found.findings };
	const others = posted.map(start => (start.ends ? `QEMU ends (${start.findings})` : describe(start.prediction)));
	return { outcome: 'unexplained', expected: [describe(specified), ...new Set(others)], seen: describeSeen(seen) };
}

/** Whether a signal killed it (the CPU time limit sends one too), which is never a valid refusal. */
const ended = (seen: SeenStart) => seen.status >= 128;

function matches(prediction: Prediction, seen: SeenStart): boolean {
	if (prediction.backend === 'error') {
		const said = seen.said.join('\n');
		return !seen.started && seen.status > 0 && !ended(seen) && said.includes(prediction.error ?? '') && said !== '';
	}
	const lines = (expected: number, all: readonly { readonly type?: number; readonly ret: number }[]) =>
		all.length === expected &&
		all.every(({ type, ret }) => ret === 0 && (type === undefined || type === prediction.type));
	return (
		seen.started &&
		seen.status === 0 &&
		seen.cpuPmu === prediction.cpuPmuProperty &&
		lines(prediction.backend === 'event-source' ? prediction.traceLines : 0, seen.setPmu) &&
		lines(prediction.backend === 'fixed-counters-only' ? prediction.traceLines : 0, seen.setFixedCountersOnly)
	);
}

function describe(prediction: Prediction): string {
	const { backend, type, rule, error, traceLines, cpuPmuProperty } = prediction;
	if (backend === 'error') return `refuses (${rule})${error === undefined ? '' : `: ${error}`}`;
	return `${backend}${type === undefined ? '' : ` ${type}`} (${rule}), ${traceLines} trace lines, pmu ${cpuPmuProperty}`;
}

function describeSeen(seen: SeenStart): string {
	const trace = [
		...seen.setPmu.map(({ type, ret }) => `type ${type} ret ${ret}`),
		...seen.setFixedCountersOnly.map(({ ret }) => `fixed ret ${ret}`),
	];
	return `status ${seen.status}, ${seen.started ? 'started' : 'not started'}, pmu ${seen.cpuPmu}, [${trace.join(', ')}] ${seen.said.join(' / ').slice(-300)}`;
}
