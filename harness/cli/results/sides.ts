import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { baselineShape, type Side, sideOf } from '../../../src/compare/index.ts';
import { readStoredSync, UsageError } from '../../../src/lib/index.ts';
import { type Results, readEvents, readResults, resultsOf } from '../../../src/run/index.ts';
import { runFolder } from '../../usage/run-folder.ts';

/**
 * Reads a run by its results, or by its events if it was killed before it wrote results.
 *
 * @throws UsageError when there is no run, or its files are damaged
 */
export function readRun(given: string, cwd: string): Results {
	const folder = runFolder(given, cwd);
	const finished = existsSync(path.join(folder, 'results.json'));
	return finished ? readResults(folder) : resultsOf(readEvents(folder));
}

/** Limit for a baseline, which people review. */
const largestBaseline = 64 * 1024 * 1024;

/**
 * Reads a file written by `vpmu compare --write-baseline`. @throws UsageError if it is missing, damaged or of another
 * form
 */
export function readBaseline(given: string, cwd: string): Side {
	const file = path.resolve(cwd, given);
	// existsSync is also false for a loop of links, of which statSync throws.
	const found = existsSync(file) ? statSync(file) : undefined;
	if (found === undefined) throw new UsageError(`there is no baseline '${given}'`);
	if (!found.isFile() || found.size > largestBaseline) {
		throw new UsageError(
			`'${given}' is not a baseline: allowed is a file of at most ${largestBaseline / 1024 / 1024} MiB that 'vpmu compare --write-baseline' made`,
		);
	}
	const baseline = readStoredSync(file, baselineShape);
	if (baseline.state === 'missing') throw new UsageError(`there is no baseline '${given}'`);
	if (baseline.state === 'damaged') throw new UsageError(`'${given}' ${baseline.problem}`);
	return baseline.value;
}

/** Reads one side of a comparison: a baseline file, or folders of runs of the same thing. @throws UsageError */
export function readSide(given: readonly string[], cwd: string): Side {
	const files = given.filter(one => existsSync(path.resolve(cwd, one)) && statSync(path.resolve(cwd, one)).isFile());
	if (files.length === 0) {
		const runs = given.map(one => readRun(one, cwd));
		checkDifferent(given, runs);
		return sideOf(runs);
	}
	if (given.length > 1) throw new UsageError(`'${files[0]}' is a file: a baseline stands alone on its side`);
	return readBaseline(files[0]!, cwd);
}

/** Checks that no run is named twice, which would count one measurement as several. @throws UsageError */
function checkDifferent(given: readonly string[], runs: readonly Results[]): void {
	const seen = new Map<string, string>();
	for (const [index, { run }] of runs.entries()) {
		const key = `${run.id} ${run.startedAt}`;
		const earlier = seen.get(key);
		if (earlier !== undefined) {
			throw new UsageError(`'${earlier}' and '${given[index]}' are the same run; name each run of a side once`);
		}
		seen.set(key, given[index]!);
	}
}
