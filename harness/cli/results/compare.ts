import path from 'node:path';
import { baselineText, type Comparison, compareSides, hasNothingInCommon } from '../../../src/compare/index.ts';
import { counted, messageOf, stringifyJson, UsageError, writeWhole } from '../../../src/lib/index.ts';
import { comparisonDocument, htmlFrom, markdownFrom, textOf } from '../../../src/report/index.ts';
import { isLost } from '../../../src/run/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import type { compareOptions } from './options.ts';
import { readBaseline, readSide } from './sides.ts';

type CompareGiven = Given<typeof compareOptions>;

/** `vpmu compare`. */
export async function compare({ stdout, stderr, cwd }: CommandContext, given: CompareGiven): Promise<number> {
	const { options } = given;
	if (options['write-baseline'] !== undefined) {
		const side = readSide([...given.positionals, ...(options.after ?? [])], cwd);
		const left = side.cells.filter(isLost).length;
		if (left === side.cells.length) {
			throw new UsageError(`no cell of ${quoted(given.positionals)} has a verdict, so there is nothing to write`);
		}
		await writeWhole(path.resolve(cwd, options['write-baseline']), baselineText(side)).catch(error => {
			throw new UsageError(
				`cannot write '${options['write-baseline']}' of option '--write-baseline': ${messageOf(error)}`,
				{ cause: error },
			);
		});
		stderr.write(
			`${options['write-baseline']}: ${counted(side.cells.length - left, 'cell')} of ${counted(side.runs, 'run')}${left === 0 ? '' : `; ${left} without a verdict are left out`}\n`,
		);
		return exitCodes.asPredicted;
	}
	const [before, after] = sidesOf(given, cwd);
	const comparison = compareSides(before, readSide(after, cwd));
	stdout.write(
		comparisonText(comparison, given.options.json ? 'json' : (options.format ?? 'text'), {
			isVerbose: options.verbose,
			folder: after[0]!,
		}),
	);
	return exitCodeOf(comparison);
}

const quoted = (names: readonly string[]) => names.map(name => `'${name}'`).join(', ');

function sidesOf({ positionals, options }: CompareGiven, cwd: string) {
	const { baseline, before = [], after = [] } = options;
	if (baseline !== undefined) {
		if (positionals.length !== 1 || before.length > 0) {
			throw new UsageError(
				"'vpmu compare --baseline FILE' takes one run to compare with the file, and no other before it",
			);
		}
		return [readBaseline(baseline, cwd), [positionals[0]!, ...after]] as const;
	}
	const [first, second] = positionals;
	if (first === undefined || second === undefined || positionals.length > 2) {
		throw new UsageError(
			"'vpmu compare' takes two runs, BEFORE and AFTER; with '--baseline FILE' one; more runs of a side are named by '--before' and '--after'",
		);
	}
	return [readSide([first, ...before], cwd), [second, ...after]] as const;
}

/** Returns 1 if a cell got worse, 69 if the infrastructure or an interrupt hides a verdict, or if the sides have no cell in common. */
export function exitCodeOf(comparison: Comparison): number {
	if (comparison.regressions > 0) return exitCodes.failed;
	return comparison.counts.undecided > 0 || hasNothingInCommon(comparison)
		? exitCodes.infrastructure
		: exitCodes.asPredicted;
}

/** Columns of a screen, and of a mail. */
export const widths = { text: 100, mail: 72 } as const;

/** Renders a comparison in a format of `vpmu compare`. */
export function comparisonText(
	comparison: Comparison,
	format: 'text' | 'json' | 'html' | 'markdown' | 'mail',
	options: { readonly isVerbose?: boolean; readonly folder?: string },
): string {
	if (format === 'json') return `${stringifyJson(comparison, { indent: 2 })}\n`;
	if (format === 'html') return htmlFrom(comparisonDocument(comparison, { ...options, isVerbose: true }));
	if (format === 'markdown') return markdownFrom(comparisonDocument(comparison, options));
	const shown = (room: (typeof rooms)[number]) =>
		textOf(comparisonDocument(comparison, { ...options, ...room }), widths[format]);
	// A mail is read by scrolling.
	if (format === 'mail' || options.isVerbose === true) return shown(rooms[0]!);
	return rooms.map(shown).find(text => text.trimEnd().split('\n').length <= screenLines) ?? shown(rooms.at(-1)!);
}

/** Lines of a screen, and how its changes may share them, the most generous first. */
const screenLines = 24;
const rooms = [
	{ lines: 6, roomy: 5, roomyLines: 6 },
	{ lines: 3, roomy: 5, roomyLines: 3 },
	...[3, 2, 1].flatMap(lines => [5, 4, 3, 2, 1, 0].map(roomy => ({ lines, roomy, roomyLines: 2 }))),
];
