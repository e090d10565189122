import { type CellChange, stableIdOf } from '../../compare/index.ts';
import { attribute, text } from '../xml.ts';
import { type SeriesVerdict, unaskedAfter } from './verdict.ts';

interface TestPoint {
	readonly name: string;
	readonly suite: string;
	/** `none`: it passed. */
	readonly outcome: 'none' | 'failure' | 'error' | 'skipped';
	readonly message: string;
}

/**
 * Renders a verdict as JUnit XML: regressions are failures, what the infrastructure hides is an error, and what also
 * failed without the series is skipped. Unchanged cells are one test case.
 */
export function seriesJunitOf(verdict: SeriesVerdict): string {
	const { series, comparison } = verdict;
	const points = [
		...kernelPoints(verdict),
		...buildPoints(verdict),
		...comparison.changes.map(cellPoint),
		unchangedPoint(verdict),
	];
	const suites = Map.groupBy(points, point => point.suite);
	const lines = [
		'<?xml version="1.0" encoding="UTF-8"?>',
		`<testsuites name="${attribute(series.map(one => one.title).join(' and '))}" ${counts(points)} time="0">`,
	];
	for (const [name, all] of suites) {
		lines.push(
			`  <testsuite name="${attribute(name)}" ${counts(all)} time="0">`,
			...all.flatMap(testCase),
			'  </testsuite>',
		);
	}
	return [...lines, '</testsuites>', ''].join('\n');
}

function kernelPoints({ kernel }: SeriesVerdict): TestPoint[] {
	if (kernel === undefined || kernel.answers === null) return [];
	const { worse, unasked } = kernel.answers;
	const suite = "KVM's interface without cells";
	const name = 'KVM answers as its source says';
	if (unasked !== null) {
		const outcome = unasked.startsWith(unaskedAfter) ? 'error' : 'skipped';
		return [{ suite, name, outcome, message: unasked }];
	}
	if (worse.length === 0) return [{ suite, name, outcome: 'none', message: '' }];
	return worse.map(id => ({ suite, name: id, outcome: 'failure', message: `KVM deviates from its source: ${id}` }));
}

function buildPoints({ builds, tree }: SeriesVerdict): TestPoint[] {
	if (tree === 'linux') return [];
	const suite = 'builds without a guest';
	if (builds === null)
		return [{ suite, name: 'machine types keep their PMU', outcome: 'skipped', message: 'not asked' }];
	const outcome = builds.holds === null ? 'error' : builds.holds ? 'none' : 'failure';
	const wrong = builds.findings.filter(one => one.severity === 'regression');
	return [
		{ suite, name: 'machine types keep their PMU', outcome, message: builds.reason },
		...wrong.map(({ text: message }): TestPoint => ({ suite, name: message, outcome: 'failure', message })),
	];
}

const outcomes: Readonly<Record<CellChange['kind'], TestPoint['outcome']>> = {
	...{
		regression: 'failure',
		failure: 'failure',
		finding: 'failure',
		exposed: 'skipped',
		undecided: 'error',
		flaky: 'skipped',
	},
	...{
		fix: 'none',
		backend: 'none',
		prediction: 'none',
		runs: 'none',
		stopped: 'skipped',
		new: 'none',
		gone: 'skipped',
		rule: 'none',
	},
};

const cellPoint = ({ id, kind, what }: CellChange): TestPoint => ({
	...{ suite: `cells: ${kind}`, name: stableIdOf(id), message: what, outcome: outcomes[kind] },
});

function unchangedPoint({ comparison: { same, sameFailing } }: SeriesVerdict): TestPoint {
	const message = `${sameFailing} of ${same} fail without the series too`;
	return { suite: 'cells: unchanged', name: `${same} cells`, outcome: sameFailing > 0 ? 'skipped' : 'none', message };
}

function testCase({ suite, name, outcome, message }: TestPoint): string[] {
	const begin = `    <testcase classname="${attribute(suite)}" name="${attribute(name)}" time="0"`;
	if (outcome === 'none') return [`${begin}/>`];
	const said = outcome === 'skipped' ? '/>' : `>${text(message)}</${outcome}>`;
	return [`${begin}>`, `      <${outcome} message="${attribute(message)}"${said}`, '    </testcase>'];
}

function counts(points: readonly TestPoint[]): string {
	const of = (outcome: TestPoint['outcome']) => points.filter(point => point.outcome === outcome).length;
	return `tests="${points.length}" failures="${of('failure')}" errors="${of('error')}" skipped="${of('skipped')}"`;
}
