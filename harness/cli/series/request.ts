import type { RunRequest } from '../../run/request/request.ts';
import { type Given, nothingGiven } from '../command.ts';
import { runOptions } from '../guests/options.ts';
import { requestOf } from '../guests/run.ts';
import type { seriesOptions } from './options.ts';

type SeriesGiven = Given<typeof seriesOptions>;
type RunGiven = Given<typeof runOptions>['options'];

const listed = (one: string | undefined) => (one === undefined ? undefined : [one]);

/** The case that runs the kernel's own tests; without named cases it is among those that run. */
const selftestCase = 'kernel/selftests';

/**
 * Makes the request of the run of one side from the command line of `vpmu series`. `own` is what distinguishes the side.
 * @throws UsageError
 */
export function requestFor(
	{ argv, options }: SeriesGiven,
	own: Partial<Omit<RunGiven, 'kernel' | 'board-kernel'> & Pick<SeriesGiven['options'], 'kernel' | 'board-kernel'>>,
): RunRequest {
	const { source: _, case: cases, json: _json, out: _out, range: _range, verbose: _verbose, ...rest } = options;
	const { 'build-only': _only, 'build-limit': _limit, each: _each, fresh: _fresh, ...others } = rest;
	const {
		'configure-args': _arguments,
		sanitize: _sanitize,
		as: _as,
		config: _config,
		selftests: withSelftests,
		qemu: _qemu,
		...shared
	} = others;
	return requestOf({
		...{ argv, positionals: cases === undefined ? [] : [...cases, ...(withSelftests ? [selftestCase] : [])] },
		options: {
			...{ ...nothingGiven(runOptions), ...shared, ...own },
			...{
				kernel: listed(own.kernel ?? shared.kernel),
				'board-kernel': listed(own['board-kernel'] ?? shared['board-kernel']),
			},
		},
	});
}
