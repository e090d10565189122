import { counted } from '../../lib/text/counted.ts';
import { shorten } from '../../lib/text/foreign.ts';
import type { Explanation } from './explanation.ts';

export interface ExplanationTextOptions {
	/** Omit the summary, if it is shown above. */
	readonly summary?: boolean;
	/** Cut sentences, observations and evidence after this many characters; default 300. */
	readonly width?: number;
	/** Number of reasons for the prediction to show, from the end; default 4. */
	readonly reasons?: number;
	/** Number of disagreements to show; default 4. */
	readonly pairs?: number;
}

const words: Readonly<Record<string, string>> = { true: 'agrees', false: 'DIFFERS', null: '-' };

/**
 * Writes an explanation as labelled lines of plain text, for terminals, JUnit and mail. Each stays a single line
 * whatever its text.
 */
export function explanationLines(explanation: Explanation, options: ExplanationTextOptions = {}): string[] {
	const { summary = true, width = 300, reasons = 4, pairs = 4 } = options;
	const { predicted, layers, disagree, evidence, repeat } = explanation;
	const line = (text: string) => shorten(text.replaceAll(/\s+/g, ' ').trim(), width);
	const labelled = (label: string, lines: readonly string[]) =>
		lines.map((text, index) => `${(index === 0 ? label : '').padEnd(10)} ${text}`);
	const because = predicted?.because ?? [];
	const before = because.length - reasons;
	const layerWidth = Math.max(0, ...layers.map(({ layer }) => layer.length));
	const left = disagree.length - pairs;
	const predictedText =
		predicted !== null
			? [line(`${predicted.what}, by rule ${predicted.rule}`)]
			: layers.length === 0
				? []
				: ['nothing before the cell ended'];
	return [
		...(summary ? [line(explanation.summary)] : []),
		...labelled('predicted', predictedText),
		...labelled('because', [
			...(before > 0 ? [`${counted(before, 'reason')} before these`] : []),
			...because.slice(-reasons).map(line),
		]),
		...labelled(
			'layers',
			layers.map(
				({ layer, agrees, seen }) =>
					`${line(layer).padEnd(layerWidth)}  ${words[`${agrees}`]!.padEnd(7)}  ${line(seen)}`,
			),
		),
		...disagree.slice(0, pairs).flatMap(([one, other]) => {
			const whos = [one, other].map(({ who }) => `${line(who)}:`);
			const column = Math.max(...whos.map(who => who.length));
			const says = [one, other].map(({ says }, index) => `${whos[index]!.padEnd(column)} ${line(says)}`);
			return labelled('disagree', says);
		}),
		...(left > 0 ? labelled('', [`and ${left} more`]) : []),
		...labelled('evidence', evidence.map(line)),
		...labelled('repeat', [repeat.replaceAll(/[\r\n\u2028\u2029]+/g, ' ')]),
	].map(text => text.trimEnd());
}
