import type { BuiltSeries, BuiltStep } from '../../../src/image/index.ts';

/** Warnings that are shown of one build; all are in its log. */
const warningsShown = 10;

/** Names the patches that a build has more than the one before it: `patch 3 'title'`. */
export function nameStep({ patches }: BuiltStep, at: number, isEach: boolean): string {
	if (isEach) return `patch ${at + 1} '${patches[0]!.title}'`;
	return patches.length === 1 ? `patch '${patches[0]!.title}'` : `the ${patches.length} patches`;
}

/** What each build came to: the compiler's new warnings, and, if every patch was built, that it does. */
export function describeSteps({ steps }: BuiltSeries, isEach: boolean): string {
	return steps
		.flatMap((step, at) => {
			const { warnings, built } = step;
			const name = nameStep(step, at, isEach);
			const count = warnings.length === 1 ? '1 new warning' : `${warnings.length} new warnings`;
			return [
				...(isEach ? [`${name}: builds${warnings.length === 0 ? '' : `, with ${count}`}`] : []),
				...(!isEach && warnings.length > 0 ? [`${name} ${step.patches.length === 1 ? 'adds' : 'add'} ${count}`] : []),
				...warnings.slice(0, warningsShown).map(line => `  ${line}`),
				...(warnings.length > warningsShown ? [`  and ${warnings.length - warningsShown} more in ${built.log}`] : []),
			];
		})
		.map(line => `${line}\n`)
		.join('');
}
