import { rm } from 'node:fs/promises';
import path from 'node:path';
import { startTime } from '../../src/host/index.ts';
import { hostArchitecture } from '../../src/image/index.ts';
import { messageOf, systemFault, UsageError, VpmuError } from '../../src/lib/index.ts';
import { PrettyReport } from '../../src/report/index.ts';
import type { Results } from '../../src/run/index.ts';
import { caseFolders, namesOf } from '../plan/case-files.ts';
import { collectCases } from '../plan/collect.ts';
import { planCells, shardOf } from '../plan/plan.ts';
import { UnfitBuild } from '../plan/select.ts';
import type { KeptSockets } from '../protocol/lease.ts';
import { readKept, writeKept } from '../run/kept.ts';
import { readQuarantine } from '../run/quarantine.ts';
import { Resources } from '../run/resources/resources.ts';
import { runRounds } from '../run/rounds.ts';
import { type Run, startRun } from '../run/run.ts';
import type { CommandContext } from '../usage/context.ts';
import { bisectCode, bisectCodes, exitCodeOfCells, exitCodes } from '../usage/exit-codes.ts';
import { explain } from '../usage/explain.ts';
import type { Command, ParsedCommand } from './command.ts';
import { keeperVariable, keptMs, oneCell, runUnderKeeper } from './run-keeper.ts';
import { casesOption, readSelection, selectOptions } from './select-options.ts';

export const command: Command = {
	name: 'run',
	summary:
		'Plan, run and report cells: boots guests, asks QEMU over QMP, counts with perf, compares with the prediction.',
	usage: '[CASE...] [OPTION...]',
	options: {
		...selectOptions,
		jobs: { value: 'N', help: 'cells side by side; default one per core' },
		retries: { value: 'N', help: 'try a cell that an infrastructure error ended up to N times more; default 0' },
		'retry-failures': { help: 'with --retries: try failures again too; one that then passes is flaky' },
		quarantine: { value: 'FILE', help: 'list of cells whose failures are expected: lines of CELLS YYYY-MM-DD REASON' },
		'no-wait': { help: 'end with 75, naming the holder, when a lock that is needed is held' },
		silence: { value: 'SECONDS', help: 'give up a cell of which nothing is heard for so long; default 240, scaled' },
		keep: { help: 'leave the guest of the one cell running, and say how to attach to it' },
		bisect: { help: 'for git bisect run: 125 when the build or the infrastructure is at fault' },
		out: { value: 'DIR', help: 'run folder; default vpmu-runs/ID' },
		json: { help: 'results as JSON on standard output instead of the table' },
	},
	positionals: { maximum: 1000 },
	async run(context, parsed) {
		if (parsed.options.bisect !== true) return await runCommand(context, parsed);
		try {
			return bisectCode(await runCommand(context, parsed));
		} catch (error) {
			if (context.signal.aborted) throw error;
			const code = explain(error, context);
			// Bad usage would be the same for every commit: it must not make one bad. A QEMU that is not there was not built.
			return code === exitCodes.usage && !(error instanceof UnfitBuild) ? bisectCodes.abort : bisectCodes.untestable;
		}
	},
};

async function runCommand(context: CommandContext, parsed: ParsedCommand): Promise<number> {
	const { options } = parsed;
	if (options['retry-failures'] === true && options.retries === undefined) {
		throw new UsageError("option '--retry-failures' needs '--retries N'");
	}
	const retries = wholeNumber(options.retries, '--retries', 'retries', 0) ?? 0;
	const jobs = wholeNumber(options.jobs, '--jobs', 'cells', 1);
	const silence = wholeNumber(options.silence, '--silence', 'seconds', 1);
	const { declarations, files } = await collectCases(caseFolders(context, casesOption(parsed)));
	const read = readSelection(parsed);
	const selection = { ...read, cases: namesOf(read.cases, files, context.cwd) };
	const cells = planCells(declarations, selection);
	if (cells.length === 0)
		throw new UsageError('no cell is left to run: every case was filtered out by the options given');
	const quarantine =
		typeof options.quarantine === 'string'
			? readQuarantine(options.quarantine, [...new Set(declarations.map(one => one.case))])
			: [];
	const wait = options['no-wait'] !== true;
	const shard = shardOf(declarations, selection);
	const keeperFile = options.keep === true ? context.env[keeperVariable] : undefined;
	if (options.keep === true) {
		oneCell(cells);
		if (keeperFile === undefined) return await runUnderKeeper(context);
	}
	const ownKernels = [selection.kernel, selection.boardKernel].filter(source => !source.startsWith('debian:'));
	if (selection.machines !== undefined || ownKernels.length > 0) {
		await using resources = new Resources({
			kernel: selection.kernel,
			boardKernel: selection.boardKernel,
			env: context.env,
			wait,
			signal: context.signal,
			onProgress: progressLines(context.stderr),
		});
		const architecture = selection.accel === 'tcg' ? hostArchitecture() : 'arm64';
		for (const source of ownKernels) await resources.guests.kernel(source);
		await resources.qemus.checkMachines(selection.machines ?? [], selection.qemus, architecture);
	}
	const json = options.json === true;
	const out = json ? context.stderr : context.stdout;
	const pretty = new PrettyReport({
		columns: out.isTTY ? (out.columns ?? 80) : undefined,
		colour: out.isTTY === true && !context.env.NO_COLOR,
	});
	if (shard !== undefined) {
		const { index, count, division } = shard;
		out.write(
			`- shard ${index} of ${count}: ${cells.length} cells of division ${division}; all parts must name the same one\n`,
		);
	}
	const signal =
		keeperFile === undefined ? context.signal : AbortSignal.any([context.signal, AbortSignal.timeout(keptMs)]);
	const run: Run = await startRun({
		argv: ['vpmu', 'run', ...process.argv.slice(3)],
		env: context.env,
		cells,
		out: typeof options.out === 'string' ? options.out : undefined,
		kernel: selection.kernel,
		boardKernel: selection.boardKernel,
		quarantine,
		wait,
		shard,
		...(jobs === undefined ? {} : { jobs }),
		...(silence === undefined ? {} : { silenceMs: silence * 1000 }),
		signal,
		...(keeperFile === undefined
			? {}
			: { onKept: (cell: string, sockets: KeptSockets) => void keepUp(run, keeperFile, cell, sockets, show) }),
		onEvent: event => void out.write(pretty.receive(event)),
	});
	const show = (results: Results) => {
		if (json) context.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
		out.write(PrettyReport.closing(results, path.relative(context.cwd, run.folder.path) || '.'));
	};
	let failure: unknown;
	try {
		await runRounds(run, cells, {
			env: context.env,
			signal,
			keep: keeperFile !== undefined,
			files,
			retries,
			retryFailures: options['retry-failures'] === true,
		});
	} catch (error) {
		failure = error;
	}
	const interrupted = signal.aborted;
	const isKept = keeperFile !== undefined && (await readKept(keeperFile)) !== undefined;
	const results = await run.finish({ interrupted });
	if (isKept) {
		for (const end of ['json', 'out', 'err']) await rm(keeperFile.replace(/json$/, end), { force: true });
		return exitCodes.asPredicted;
	}
	show(results);
	if (interrupted) return exitCodes.interrupted;
	if (failure !== undefined) throw failure;
	const code = exitCodeOfCells(results.cells);
	const { problem } = run.folder;
	if (problem !== undefined) {
		const error = systemFault(problem) ?? problem;
		const wrapped = new VpmuError(`the run folder could not be written: ${messageOf(error)}`, { blame: 'host' });
		const status = explain(wrapped, context);
		return code === exitCodes.failed ? code : status;
	}
	if (run.lockBusy === undefined || code === exitCodes.failed) return code;
	return explain(run.lockBusy, context);
}

/** The guest of the run's cell stays: its results are written now, and how to reach it is written down for others. */
async function keepUp(
	run: Run,
	file: string,
	cell: string,
	sockets: KeptSockets,
	show: (results: Results) => void,
): Promise<void> {
	const results = run.conclude({ interrupted: false });
	show(results);
	await writeKept(file, {
		...{ id: run.id, cell, runFolder: run.folder.path, sockets },
		keeperPid: process.pid,
		keeperStarted: (await startTime(process.pid)) ?? '',
		since: new Date().toISOString(),
		until: new Date(Date.now() + keptMs).toISOString(),
		exit: exitCodeOfCells(results.cells),
	});
}

/** Each step once, as a line. */
function progressLines(stderr: CommandContext['stderr']): (what: string) => void {
	let last = '';
	return what => {
		if (what !== last) stderr.write(`- ${what}\n`);
		last = what;
	};
}

function wholeNumber(text: unknown, option: string, of: string, least: number): number | undefined {
	if (text === undefined) return undefined;
	const number = Number(text);
	if (!/^\d+$/.test(String(text)) || number < least || number > 1e6)
		throw new UsageError(`'${text}' of option '${option}' is no number of ${of}; allowed: ${least} or more`);
	return number;
}
