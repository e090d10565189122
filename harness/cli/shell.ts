import path from 'node:path';
import { buildImage, loadRecipe } from '../../src/image/index.ts';
import { UsageError } from '../../src/lib/index.ts';
import { attachHelp, attachTerminal, QemuError, smallVirt, startMachine } from '../../src/qemu/index.ts';
import { localKvm, parseSource } from '../plan/select.ts';
import { exitCodes } from '../usage/exit-codes.ts';
import { attachCell } from './attach.ts';
import type { Command } from './command.ts';
import { hostOn, qemuCommand, resourcesFor } from './inspect.ts';

export const command: Command = {
	name: 'shell',
	summary: `Starts a guest and attaches the terminal to its console (${attachHelp}); or attaches it to a guest of a run that goes on.`,
	usage:
		'[--qemu QEMU] [--machine TYPE] [--pmu VALUE] [--accel kvm|tcg] [--kernel KERNEL] [--append ARGUMENTS] [--on WHERE] | --cell CELL [--run DIR]',
	options: {
		cell: { value: 'CELL', help: 'a running cell, by its id or a part of it: a terminal of its own in that guest' },
		run: { value: 'DIR', help: 'with --cell: the run folder (default: the newest of vpmu-runs)' },
		on: { value: 'WHERE', help: 'auto (default), local, board, board:TOPOLOGY or ssh://HOST' },
		qemu: { value: 'QEMU', help: 'PATH or debian:SUITE (default: debian:trixie)' },
		kernel: { value: 'KERNEL', help: 'PATH or debian:SUITE (default: debian:trixie)' },
		machine: { value: 'TYPE', help: 'machine type (default: virt)' },
		pmu: { value: 'VALUE', help: 'value of -accel kvm,pmu=' },
		accel: {
			value: 'ACCEL',
			choices: ['kvm', 'tcg'],
			help: 'default: kvm, and tcg with --on local where there is no KVM',
		},
		cpu: { value: 'CPU', help: 'model and properties, such as host,pmu=off (default: host under KVM, else max)' },
		vcpus: { value: 'N', help: 'default: 1' },
		memory: { value: 'MIB', help: 'default: 512' },
		append: {
			value: 'ARGUMENTS',
			help: "added to the kernel's command line, such as loglevel=7 for its messages while it boots",
		},
		artifacts: { value: 'DIR', help: 'keep console.log, qmp.ndjson and the rest there' },
	},
	async run(context, { options }) {
		if (options.cell !== undefined) {
			const other = Object.keys(options).find(name => name !== 'cell' && name !== 'run');
			if (other !== undefined) throw new UsageError(`option '--${other}' starts a guest, and '--cell' does not`);
			return await attachCell(context, options.cell as string, options.run as string | undefined);
		}
		if (options.run !== undefined) throw new UsageError("option '--run' needs '--cell'");
		const given = (name: string, otherwise: string) => (options[name] as string | undefined) ?? otherwise;
		const noKvmHere = options.on === 'local' && !localKvm();
		const accel = given('accel', noKvmHere ? 'tcg' : 'kvm') as 'kvm' | 'tcg';
		if (options.pmu !== undefined && accel !== 'kvm') throw new UsageError("option '--pmu' needs '--accel kvm'");
		const [vcpus, memoryMiB] = [
			wholeNumber('vcpus', given('vcpus', '1')),
			wholeNumber('memory', given('memory', '512')),
		];
		const cpu = readCpu(given('cpu', accel === 'kvm' ? 'host' : 'max,pauth-impdef=on'));
		const source = parseSource(given('qemu', 'debian:trixie'), '--qemu', true);
		const kernelSource = parseSource(given('kernel', 'debian:trixie'), '--kernel');
		await using resources = resourcesFor(context, kernelSource);
		// A guest under TCG needs no Arm host.
		const host = await hostOn(resources, given('on', accel === 'tcg' ? 'local' : 'auto'));
		const qemu = { command: await qemuCommand(resources, host, source) };
		const kernel = await resources.guests.kernelOn(host, kernelSource);
		// Without our agent (a file that cannot be executed in its place) init gives the console to a person's shell.
		const extraFiles = [{ path: 'vpmu/agent', content: '', mode: 0o644 }];
		const image = await buildImage(await resources.cache(), await loadRecipe('guest'), { extraFiles });
		const folder = options.artifacts as string | undefined;
		await using machine = await startMachine(
			host,
			{
				...{ qemu, machine: given('machine', 'virt'), machineProperties: smallVirt, accel, vcpus, memoryMiB },
				...(options.pmu === undefined ? {} : { accelProperties: { pmu: options.pmu as string } }),
				...cpu,
				...{ kernel: kernel.path, initrd: await host.provide(image.path) },
				// Each character costs milliseconds on the console of a guest in a board.
				append: `console=ttyAMA0 quiet rdinit=/init panic=-1 ${given('append', '')}`.trimEnd(),
			},
			{
				signal: context.signal,
				...(folder === undefined ? {} : { artifacts: path.resolve(context.cwd, folder) }),
				onNote: note => context.stderr.write(`${note}\n`),
			},
		);
		if (context.stdin.isTTY === true) context.stderr.write(`${attachHelp}\n`);
		const how = await attachTerminal({ ...context, console: machine.console });
		if (how === 'aborted') return exitCodes.interrupted;
		if (how === 'left') return exitCodes.asPredicted;
		const exit = await machine.process.exited;
		if (exit.status === 0) return exitCodes.asPredicted;
		const death = await machine.process.deathError('its console was attached');
		throw new QemuError(death.message, { failure: death.failure, argv: machine.argv, exit, evidence: death.evidence });
	},
};

function wholeNumber(name: string, text: string): number {
	if (!/^[1-9]\d{0,6}$/.test(text))
		throw new UsageError(`'${text}' of option '--${name}' is not a whole number from 1`);
	return Number(text);
}

/** `MODEL[,NAME=VALUE...]`, as QEMU's -cpu. */
function readCpu(text: string): { cpu: string; cpuProperties: Record<string, string> } {
	const [cpu = '', ...properties] = text.split(',');
	const pairs = properties.map(property => property.split('=', 2));
	if (cpu === '' || pairs.some(([name, value]) => !name || !value)) {
		throw new UsageError(`'${text}' of option '--cpu' is not MODEL[,NAME=VALUE...], such as host,pmu=off`);
	}
	return { cpu, cpuProperties: Object.fromEntries(pairs) };
}
