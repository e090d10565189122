import { existsSync } from 'node:fs';
import path from 'node:path';
import { Resources } from '../../../harness/run/resources/resources.ts';
import { hostTool } from '../../../harness/usage/places.ts';
import type { BatchTools } from '../../../harness/worker/hosts/batch.ts';
import type { Host } from '../../../src/host/index.ts';
import { UsageError } from '../../../src/lib/index.ts';
import type { HostFacts } from '../../../src/pmu/index.ts';

/**
 * QEMUs with the PMU choice for these tests, builds of the posted patch: paths of aarch64 programs, separated by
 * colons. If a folder `lib` next to a program contains the loader, the program is started with it.
 */
export const qemusWithChoice = (process.env.VPMU_QEMU_WITH_CHOICE ?? '').split(':').filter(file => file !== '');

/** A host for the tests with everything they need. */
export interface TestBoard extends AsyncDisposable {
	readonly host: Host;
	readonly facts: HostFacts;
	readonly tools: BatchTools;
}

/** Starts a board, or uses the host in VPMU_ON. The caller owns it. */
export async function testBoard(topology: string, log: (text: string) => void): Promise<TestBoard> {
	const resources = new Resources({
		kernel: 'debian:trixie',
		boardKernel: 'debian:trixie',
		env: process.env,
		onProgress: what => log(what),
	});
	try {
		const host = await resources.host(process.env.VPMU_ON ?? `board:${topology}`);
		const facts = await resources.facts(host);
		const qemu: Record<string, readonly string[]> = {};
		for (const file of qemusWithChoice) {
			const command = await inPlace(host, file);
			const { stdout } = await host.run([...command, '--version'], { timeoutMs: 60_000 });
			const version = /version (\d+\.\d+\.\d+)/.exec(stdout.toString())?.[1];
			if (version === undefined) throw new UsageError(`'${file}' of VPMU_QEMU_WITH_CHOICE does not tell its version`);
			qemu[version] = command;
		}
		const shimPath = await host.provide(hostTool('kvm-shim.so'));
		const user = await host.run(['id', '-u']);
		const tools = { qemu, shimPath, root: user.stdout.toString().trim() === '0' };
		return { host, facts, tools, [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose]() };
	} catch (error) {
		await resources[Symbol.asyncDispose]();
		throw error;
	}
}

async function inPlace(host: Host, file: string): Promise<string[]> {
	const folder = path.dirname(file);
	const loader = 'lib/ld-linux-aarch64.so.1';
	if (!existsSync(path.join(folder, loader))) return [await host.provide(file)];
	const there = await host.provide(folder);
	return [`${there}/${loader}`, '--library-path', `${there}/lib`, `${there}/${path.basename(file)}`];
}
