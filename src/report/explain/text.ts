import { shorten } from '../../lib/foreign.ts';
import type { Explanation } from './explanation.ts';

export interface ExplanationTextOptions {
	/** Without the summary, where it stands above. */
	readonly summary?: boolean;
	/** Sentences, layers' words and evidence are cut after so many characters; default 300. */
	readonly width?: number;
	/** How many of the reasons for the prediction are shown, the last ones; default 4. */
	readonly reasons?: number;
	/** How many disagreements are shown; default 4. */
	readonly pairs?: number;
}

const words: Readonly<Record<string, string>> = { true: 'agrees', false: 'DIFFERS', null: '-' };

/**
 * Writes an explanation as lines of plain text, each with its label in front: for terminals, JUnit and mail. Lines are single
 * lines whatever was said.
 */
export function explanationLines(explanation: Explanation, options: ExplanationTextOptions = {}): string[] {
	const { summary = true, width = 300, reasons = 4, pairs = 4 } = options;
	const { predicted, layers, disagree, evidence, repeat } = explanation;
	const line = (text: string) => shorten(text.replaceAll(/\s+/g, ' ').trim(), width);
	const labelled = (label: string, lines: readonly string[]) =>
		lines.map((text, index) => `${(index === 0 ? label : '').padEnd(10)} ${text}`);
	const because = predicted?.because ?? [];
	const layerWidth = Math.max(0, ...layers.map(({ layer }) => layer.length));
	const left = disagree.length - pairs;
	return [
		...(summary ? [line(explanation.summary)] : []),
		...labelled('predicted', predicted === null ? ['nothing yet'] : [`${predicted.what}, by rule ${predicted.rule}`]),
		...labelled('because', because.slice(-reasons).map(line)),
		...labelled(
			'layers',
			layers.map(
				({ layer, agrees, seen }) => `${layer.padEnd(layerWidth)}  ${words[`${agrees}`]!.padEnd(7)}  ${line(seen)}`,
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
		...labelled('repeat', [repeat.replaceAll(/[\r\n]+/g, ' ')]),
	].map(text => text.trimEnd());
}
