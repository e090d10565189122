import path from 'node:path';
import { buildImage, loadRecipe } from '../../../src/image/index.ts';
import { UsageError } from '../../../src/lib/index.ts';
import { attachHelp, attachTerminal, QemuError, smallVirt, startMachine } from '../../../src/qemu/index.ts';
import { localKvm, parseKernel, parseSource } from '../../plan/select.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import { hostOn, qemuCommand, resourcesFor } from '../resources.ts';
import { attachCell } from './attach.ts';
import type { shellOptions } from './options.ts';

/** `vpmu shell`. */
export async function shell(context: CommandContext, { options }: Given<typeof shellOptions>): Promise<number> {
	if (options.cell !== undefined) {
		const given = Object.entries(options).filter(([, value]) => value !== undefined);
		const other = given.map(([name]) => name).find(name => name !== 'cell' && name !== 'run');
		if (other !== undefined) throw new UsageError(`option '--${other}' starts a guest, and '--cell' does not`);
		return await attachCell(context, options.cell, options.run);
	}
	const noKvmHere = options.on === 'local' && !localKvm();
	const accel = options.accel ?? (noKvmHere ? 'tcg' : 'kvm');
	if (options.pmu !== undefined && accel !== 'kvm') throw new UsageError("option '--pmu' needs '--accel kvm'");
	const { vcpus = 1, memory: memoryMiB = 512 } = options;
	const cpu = readCpu(options.cpu ?? (accel === 'kvm' ? 'host' : 'max,pauth-impdef=on'));
	const source = parseSource(options.qemu ?? 'debian:trixie', '--qemu', { executable: true });
	const kernelSource = parseKernel(options.kernel ?? 'debian:trixie', '--kernel');
	const boardKernel = parseKernel(options['board-kernel'] ?? 'debian:trixie', '--board-kernel');
	await using resources = resourcesFor(context, kernelSource, boardKernel);
	// A guest under TCG needs no Arm host.
	const host = await hostOn(resources, options.on ?? (accel === 'tcg' ? 'local' : 'auto'));
	const qemu = { command: await qemuCommand(resources, host, source) };
	const kernel = await resources.guests.kernelOn(host, kernelSource);
	// Replace our agent by a file that cannot be executed, so that init gives the console to an interactive shell.
	const extraFiles = [{ path: 'vpmu/agent', content: '', mode: 0o644 }];
	const image = await buildImage(await resources.cache(), await loadRecipe('guest'), { extraFiles });
	const folder = options.artifacts;
	await using machine = await startMachine(
		host,
		{
			...{ qemu, machine: options.machine ?? 'virt', machineProperties: smallVirt, accel, vcpus, memoryMiB },
			...(options.pmu === undefined ? {} : { accelProperties: { pmu: options.pmu } }),
			...cpu,
			...{ kernel: kernel.path, initrd: await host.provide(image.path) },
			// Each console character costs milliseconds in a guest on a board.
			append: `console=ttyAMA0 quiet rdinit=/init panic=-1 ${options.append ?? ''}`.trimEnd(),
		},
		{
			signal: context.signal,
			...(folder === undefined ? {} : { artifacts: path.resolve(context.cwd, folder) }),
			onNote: note => context.stderr.write(`${note}\n`),
		},
	);
	if (context.stdin.isTTY === true) context.stderr.write(`${attachHelp}\n`);
	// A prompt, of the shell or of whatever else the guest starts.
	const reads = machine.console.waitFor(/^\S* ?[#$>] /m, { signal: context.signal });
	const how = await attachTerminal({ ...context, stdout: context.stdout.raw, console: machine.console, reads });
	if (how === 'aborted') return exitCodes.interrupted;
	if (how === 'left') return exitCodes.asPredicted;
	const exit = await machine.process.exited;
	if (exit.status === 0) return exitCodes.asPredicted;
	const death = await machine.process.deathError('its console was attached');
	throw new QemuError(death.message, { failure: death.failure, argv: machine.argv, exit, evidence: death.evidence });
}

/** `MODEL[,NAME=VALUE...]`, as QEMU's -cpu. */
function readCpu(text: string): { cpu: string; cpuProperties: Record<string, string> } {
	const [cpu = '', ...properties] = text.split(',');
	const pairs = properties.map(property => property.split('=', 2));
	if (cpu === '' || pairs.some(([name, value]) => !name || !value)) {
		throw new UsageError(
			`'${text}' of option '--cpu' is not valid; allowed: MODEL[,NAME=VALUE...], such as host,pmu=off`,
		);
	}
	return { cpu, cpuProperties: Object.fromEntries(pairs) };
}
