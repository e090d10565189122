import { visible } from '../lib/text/foreign.ts';
import { stringifyJson } from '../lib/text/json.ts';
import { isInterrupted } from '../run/fold.ts';
import type { CellResult, Results } from '../run/results.ts';
import { oneLine } from './document/index.ts';
import { explanationOf, isWrong, reasonOf } from './explain/explanation.ts';
import { explanationLines } from './explain/text.ts';

/** Maps a status to that of KCIDB's schema 5.3 (kernelci/kcidb-io). */
function statusOf(cell: CellResult): 'FAIL' | 'ERROR' | 'MISS' | 'PASS' | 'SKIP' {
	switch (cell.status) {
		case 'pass':
		case 'xpass':
			// The code under test passed although a known defect was expected: the comment says so.
			return 'PASS';
		case 'fail':
		case 'xfail':
			return 'FAIL';
		case 'skip':
			return isInterrupted(cell) ? 'MISS' : 'SKIP';
		case 'error':
			return cell.blame === 'harness' ? 'ERROR' : 'MISS';
	}
}

/** Where the sources of the host kernels under test came from. A dashboard shows only what names a commit, a tree and a repository. */
export interface KcidbSource {
	/** The CI system that submits the report: letters, digits and `_`; default `vpmu`. */
	readonly origin?: string | undefined;
	/** The commit that the kernels were built from: the whole hash. */
	readonly commit?: string | undefined;
	/** The name of the tree, such as `mainline`. */
	readonly tree?: string | undefined;
	/** The repository's URL. */
	readonly url?: string | undefined;
}

/**
 * Renders a run as a KCIDB report (schema 5.3): a test per cell, a build per host kernel, and a checkout per build, or one for
 * all if the commit is known. Properties are never null, as the schema requires.
 */
export function kcidbOf(results: Results, { origin = 'vpmu', commit, tree, url }: KcidbSource = {}): string {
	const { run, cells } = results;
	const kernels = [...new Set(cells.map(kernelOf))];
	const buildOf = (kernel: string) => `${origin}:linux-${kernel}${commit === undefined ? '' : `-${commit}`}`;
	const checkoutOf = (kernel: string) => (commit === undefined ? buildOf(kernel) : `${origin}:${commit}`);
	const named = {
		...(commit === undefined ? {} : { git_commit_hash: commit }),
		...(tree === undefined ? {} : { tree_name: tree }),
		...(url === undefined ? {} : { git_repository_url: url }),
	};
	const checkouts = kernels.map(kernel => ({
		...{ id: checkoutOf(kernel), origin, ...named },
		...(commit === undefined || kernels.length === 1 ? { git_commit_name: kernel } : {}),
	}));
	const report = {
		version: { major: 5, minor: 3 },
		checkouts: commit === undefined ? checkouts : checkouts.slice(0, 1),
		builds: kernels.map(kernel => ({
			...{ id: buildOf(kernel), origin, checkout_id: checkoutOf(kernel) },
			// TCG cells can run on a host of any architecture.
			...(cells.some(cell => kernelOf(cell) === kernel && cell.accel === 'kvm') ? { architecture: 'arm64' } : {}),
		})),
		tests: cells.map((cell, index) => ({
			id: `${origin}:${visible(oneLine(run.id))}-${index + 1}`,
			origin,
			build_id: buildOf(kernelOf(cell)),
			path: `vpmu.${cell.case.replaceAll('/', '.').replaceAll(/[^.\w-]/g, '_')}`,
			status: statusOf(cell),
			start_time: new Date(run.startedAt).toISOString(),
			...(cell.timings.totalMs === null ? {} : { duration: cell.timings.totalMs / 1000 }),
			...(cell.reason === null ? {} : { comment: reasonOf(cell) }),
			...(isWrong(cell) ? { log_excerpt: explained(cell) } : {}),
			environment: { comment: cell.on.host ?? 'unknown host', misc: { topology: cell.on.topology ?? 'as it is' } },
			misc: {
				...{ cell: cell.id, vpmu_status: cell.status, machine: cell.machine, accel: cell.accel },
				...(cell.qemu.version === null ? {} : { qemu: cell.qemu.version }),
				...(cell.blame === null ? {} : { blame: cell.blame }),
				...(cell.predicted === null ? {} : { predicted: cell.predicted }),
				...(cell.observed === null ? {} : { observed: { backend: cell.observed.backend } }),
				perf: cell.perf.map(reading =>
					Object.fromEntries(Object.entries(reading).filter(([, value]) => value !== null)),
				),
			},
		})),
	};
	return `${stringifyJson(plain(report), { indent: 2 })}\n`;
}

/** Levels of a report; no member of ours is deeper. */
const mostLevels = 12;

/** Makes every text visible: the schema's texts have no NUL, and PostgreSQL takes none anywhere. */
function plain(value: unknown, levels = mostLevels): unknown {
	if (typeof value === 'string') return visible(value);
	if (typeof value !== 'object' || value === null) return value;
	if (levels === 0) return 'too deep';
	if (Array.isArray(value)) return value.map(one => plain(one, levels - 1));
	return Object.fromEntries(Object.entries(value).map(([name, one]) => [visible(name), plain(one, levels - 1)]));
}

/** The schema's limit of an excerpt. */
const mostExcerpt = 16_384;

/** What a dashboard shows beside the comment. */
function explained(cell: CellResult): string {
	const lines = explanationLines(explanationOf(cell, 'RUN'), { summary: false });
	return visible(lines.join('\n')).slice(0, mostExcerpt).toWellFormed();
}

/** The schema allows neither NUL in texts nor line breaks in ids. */
const kernelOf = ({ on }: CellResult) => visible(oneLine(on.kernel ?? 'unknown'));
