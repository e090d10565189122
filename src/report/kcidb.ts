import { stringifyJson } from '../lib/json.ts';
import type { CellResult, Results } from '../run/results.ts';

/** What KCIDB's schema 5.3 (kernelci/kcidb-io) calls each status. */
function statusOf({ status, blame }: CellResult): 'FAIL' | 'ERROR' | 'MISS' | 'PASS' | 'SKIP' {
	switch (status) {
		case 'pass':
		case 'xpass':
			// The code under test did right, though it was known not to: the comment says so.
			return 'PASS';
		case 'fail':
		case 'xfail':
			return 'FAIL';
		case 'skip':
			return 'SKIP';
		case 'error':
			return blame === 'harness' ? 'ERROR' : 'MISS';
	}
}

/**
 * A run as a KCIDB report (schema 5.3): a test per cell, a build per host kernel. No property is null, as the schema
 * asks. Checkouts are only named: which sources a kernel was built from, who submits the report has to add.
 *
 * @param origin the CI system that submits it: letters, digits and `_`
 */
export function kcidbOf(results: Results, origin = 'vpmu'): string {
	const { run, cells } = results;
	const kernels = [...new Set(cells.map(kernelOf))];
	const buildOf = (kernel: string) => `${origin}:linux-${kernel}`;
	const report = {
		version: { major: 5, minor: 3 },
		checkouts: kernels.map(kernel => ({ id: buildOf(kernel), origin, git_commit_name: kernel })),
		builds: kernels.map(kernel => ({
			...{ id: buildOf(kernel), origin, checkout_id: buildOf(kernel) },
			// A host of TCG cells can be any machine.
			...(cells.some(cell => kernelOf(cell) === kernel && cell.accel === 'kvm') ? { architecture: 'arm64' } : {}),
		})),
		tests: cells.map((cell, index) => ({
			id: `${origin}:${run.id}-${index + 1}`,
			origin,
			build_id: buildOf(kernelOf(cell)),
			path: `vpmu.${cell.case.replaceAll('/', '.').replaceAll(/[^.\w-]/g, '_')}`,
			status: statusOf(cell),
			start_time: run.startedAt,
			...(cell.timings.totalMs === null ? {} : { duration: cell.timings.totalMs / 1000 }),
			...(cell.reason === null ? {} : { comment: cell.reason }),
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
	return `${stringifyJson(report, { indent: 2 })}\n`;
}

const kernelOf = ({ on }: CellResult) => on.kernel ?? 'unknown';
