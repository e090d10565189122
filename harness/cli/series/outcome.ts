import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { compareSides, sideOf } from '../../../src/compare/index.ts';
import type { BuiltSeries } from '../../../src/image/index.ts';
import { makeFolder, stringifyJson, writeWhole } from '../../../src/lib/index.ts';
import { type PatchSeries, parseDiff, statementsOf } from '../../../src/patch/index.ts';
import { type FindingId, findings, knownFindingsOf } from '../../../src/pmu/index.ts';
import type { InspectionComparison } from '../../../src/qemu/index.ts';
import {
	type AppliedSeries,
	annotationsOf,
	type BuildsSay,
	htmlFrom,
	judgeSeries,
	type KernelTrial,
	markdownFrom,
	repeatScripts,
	type SeriesVerdict,
	seriesDocument,
	seriesJunitOf,
	textOf,
} from '../../../src/report/index.ts';
import type { Results } from '../../../src/run/index.ts';
import { widths } from '../results/compare.ts';
import { testerOf } from '../results/tester.ts';
import { claimsOf } from './claims.ts';

/** What a series was tested with. */
export interface SeriesTrial {
	/** As given by the user. */
	readonly out: string;
	readonly source: string;
	readonly built: Pick<SeriesVerdict, 'before' | 'after'> & Pick<BuiltSeries, 'series'>;
	/** Default: `qemu`. */
	readonly tree?: SeriesVerdict['tree'];
	/** What a series for Linux was tried as. */
	readonly kernel?: KernelTrial;
	/** Series for Linux, applied before those of `built`, with what they were applied to. */
	readonly others?: readonly (PatchSeries & { readonly to: string })[];
	/** Absent if the builds were not inspected. */
	readonly inspected: InspectionComparison | undefined;
	readonly before: Results;
	readonly after: Results;
	readonly env: NodeJS.ProcessEnv;
}

/** Makes the verdict on a series from all observations. */
export function verdictOf(trial: SeriesTrial): SeriesVerdict {
	const { out, source, built, inspected, before, after, env, tree = 'qemu', kernel, others = [] } = trial;
	// A kernel may make a defect of an unchanged QEMU visible.
	const common = tree === 'linux' ? { isShared: (finding: string) => Object.hasOwn(findings, finding) } : {};
	const comparison = compareSides(sideOf([before]), sideOf([after]), common);
	const changed = new Set(comparison.changes.map(change => change.id));
	const named = built.series.flatMap(one => knownFindingsOf(identityOf(one)) ?? []).at(-1);
	const known =
		named === undefined
			? null
			: {
					version: named.seenIn,
					findings: Object.fromEntries(named.seen.map((id: FindingId) => [id, findings[id]])),
				};
	return judgeSeries({
		...{ out, source, vpmu: after.run.vpmu, comparison, results: after, known, tester: testerOf(env) },
		...(kernel === undefined ? {} : { kernel }),
		...{ tree, series: [...others.map(one => ({ ...appliedOf(one), to: one.to })), ...built.series.map(appliedOf)] },
		...{ before: built.before, after: built.after },
		builds: inspected === undefined ? null : buildsSay(inspected),
		claims: claimsOf(built.series.flatMap(statementsOf), after.cells, id => !changed.has(id)),
	});
}

const identityOf = ({ title, version, base, messageIds }: PatchSeries) => ({
	...{ title, version, changeId: base.changeId, messageIds },
});

function appliedOf({ title, version, patches, base, notes }: PatchSeries): AppliedSeries {
	return {
		...{ title, version, notes, changeId: base.changeId, baseCommit: base.baseCommit },
		author: patches.every(patch => patch.author === patches[0]!.author) ? patches[0]!.author : '',
		patches: patches.map(patch => ({ title: patch.title, author: patch.author, files: filesOf(patch.diff) })),
	};
}

/** Lists the files that a patch changes, those with most hunks first. */
function filesOf(diff: Buffer): string[] {
	return parseDiff(diff.toString('utf8'))
		.sort((a, b) => b.hunks.length - a.hunks.length)
		.flatMap(file => file.newPath ?? file.oldPath ?? []);
}

function buildsSay({ invariant, findings: all, qmp }: InspectionComparison): BuildsSay {
	return {
		...{ holds: invariant.holds, reason: invariant.reason },
		findings: all.map(({ severity, text }) => ({ severity, text })),
		breaking: (qmp?.changes ?? []).filter(one => one.breaking).map(({ where, what }) => `${where}: ${what}`),
	};
}

/** Renders a verdict in every form, by file name. */
export function seriesReports(verdict: SeriesVerdict): Readonly<Record<string, string>> {
	const brief = seriesDocument(verdict);
	return {
		'series.json': `${stringifyJson(verdict, { indent: 2 })}\n`,
		'series.md': markdownFrom(brief),
		'series.txt': textOf(brief, widths.mail),
		'series.html': htmlFrom(seriesDocument(verdict, { isVerbose: true })),
		'series.xml': seriesJunitOf(verdict),
		'series.annotations': annotationsOf(verdict),
	};
}

/**
 * Writes every form of a verdict into the folder of both runs. On GitHub Actions, annotates the change and adds to the
 * job's summary.
 */
export async function publish(verdict: SeriesVerdict, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
	const reports = seriesReports(verdict);
	await makeFolder(path.resolve(cwd, verdict.out, 'repeat'));
	const scripts = Object.entries(repeatScripts(verdict)).map(([name, text]) => [`repeat/${name}`, text] as const);
	for (const [name, text] of [...Object.entries(reports), ...scripts])
		await writeWhole(path.resolve(cwd, verdict.out, name), text);
	if (env.GITHUB_ACTIONS !== 'true') return '';
	if (env.GITHUB_STEP_SUMMARY) await appendFile(env.GITHUB_STEP_SUMMARY, reports['series.md']!);
	return reports['series.annotations']!;
}
