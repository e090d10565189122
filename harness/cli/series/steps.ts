import type { BuiltSeries, BuiltStep } from '../../../src/image/index.ts';

/** Number of warnings shown per build; the log has all. */
const warningsShown = 10;

/** Names the patches that a build adds to the one before it: `patch 3 'title'`. */
export function nameStep({ patches }: BuiltStep, at: number, isEach: boolean): string {
	if (isEach) return `patch ${at + 1} '${patches[0]!.title}'`;
	return patches.length === 1 ? `patch '${patches[0]!.title}'` : `the ${patches.length} patches`;
}

/** Describes the result of each build: new compiler warnings, and, with `--each`, that it compiles. */
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
