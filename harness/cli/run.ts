import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { hostArchitecture, localHost, PrettyReport, UsageError } from '../../src/index.ts';
import { runAva } from '../ava.ts';
import { serveBroker } from '../broker.ts';
import { caseFile, collectCases } from '../collect.ts';
import { exitCodeOfCells, exitCodes } from '../exit-codes.ts';
import { type Cell, planCells } from '../plan.ts';
import { Resources } from '../resources.ts';
import { type Run, startRun } from '../run.ts';
import type { Command, CommandContext } from './command.ts';
import { readSelection, selectOptions } from './select-options.ts';

export const command: Command = {
	name: 'run',
	summary:
		'Plan, run and report cells: boots guests, asks QEMU over QMP, counts with perf, compares with the prediction.',
	usage: '[CASE...] [OPTION...]',
	options: {
		...selectOptions,
		jobs: { value: 'N', help: 'cells side by side; default one per core' },
		out: { value: 'DIR', help: 'run folder; default vpmu-runs/ID' },
		json: { help: 'results as JSON on standard output instead of the table' },
	},
	positionals: { maximum: 1000 },
	async run(context, parsed) {
		const selection = readSelection(parsed);
		const cells = planCells(await collectCases(), selection);
		if (cells.length === 0)
			throw new UsageError('no cell is left to run: every case was filtered out by the options given');
		if (selection.machines !== undefined) {
			await using resources = new Resources({
				kernel: selection.kernel,
				boardKernel: selection.boardKernel,
				env: context.env,
				signal: context.signal,
				onProgress: progressLines(context.stderr),
			});
			const architecture = selection.accel === 'tcg' ? hostArchitecture() : 'arm64';
			await resources.checkMachines(selection.machines, selection.qemus, architecture);
		}
		const { options } = parsed;
		const json = options.json === true;
		const out = json ? context.stderr : context.stdout;
		const pretty = new PrettyReport({
			columns: out.isTTY ? (out.columns ?? 80) : undefined,
			colour: out.isTTY === true && !context.env.NO_COLOR,
		});
		const run = await startRun({
			argv: ['vpmu', 'run', ...process.argv.slice(3)],
			env: context.env,
			cells,
			out: typeof options.out === 'string' ? options.out : undefined,
			jobs: readJobs(options.jobs),
			kernel: selection.kernel,
			boardKernel: selection.boardKernel,
			signal: context.signal,
			onEvent: event => void out.write(pretty.receive(event)),
		});
		let failure: unknown;
		try {
			await runCells(run, cells, context);
		} catch (error) {
			failure = error;
		}
		const interrupted = context.signal.aborted;
		const results = await run.finish({ interrupted });
		if (json) context.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
		out.write(PrettyReport.closing(results, path.relative(context.cwd, run.folder.path) || '.'));
		if (interrupted) return exitCodes.interrupted;
		if (failure !== undefined) throw failure;
		return exitCodeOfCells(results.cells);
	},
};

/** Runs AVA on the files of the cells, with this process as their broker. */
async function runCells(run: Run, cells: readonly Cell[], { env, signal }: CommandContext): Promise<void> {
	const files = [...new Set(cells.filter(cell => cell.skip === null).map(cell => caseFile(cell.case)))];
	if (files.length === 0) return;
	await using host = localHost();
	await using scratch = await host.makeFolder();
	const plan = path.join(scratch.path, 'plan.json');
	const socket = path.join(scratch.path, 'broker');
	writeFileSync(plan, JSON.stringify(cells));
	await using _server = await serveBroker(run.broker, socket);
	await runAva(files, {
		env: { ...env, VPMU_PLAN: plan, VPMU_BROKER: socket },
		log: path.join(run.folder.path, 'ava.log'),
		signal,
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

function readJobs(text: unknown): number | undefined {
	if (text === undefined) return undefined;
	const jobs = Number(text);
	if (!Number.isInteger(jobs) || jobs < 1)
		throw new UsageError(`'${text}' of option '--jobs' is no number of cells; allowed: 1 or more`);
	return jobs;
}
