import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Host } from '../../../src/host/index.ts';
import {
	type Cache,
	damageOfJson,
	debianQemu,
	inspectProgram,
	readKept,
	verifiedHash,
} from '../../../src/image/index.ts';
import { stringifyJson, VpmuError } from '../../../src/lib/index.ts';
import { inspectQemu } from '../../../src/qemu/index.ts';
import { UnfitBuild } from '../../plan/select.ts';
import type { LeasedQemu } from '../../protocol/lease.ts';
import { unknownName } from '../../usage/unknown-name.ts';
import { architectureOf } from './hosts.ts';
import { type Inspected, inspectedShape } from './inspected.ts';
import type { Known } from './known.ts';

/** How to start a QEMU on its host, and what identifies its files; `undefined` if nothing does. */
interface PlacedQemu {
	readonly command: string[];
	readonly identity: string | undefined;
}

/** Increase this when cells need to know more of a QEMU than was kept. */
const inspectionVersion = 1;

/** The QEMUs under test of a run: `debian:SUITE` or a path, put on hosts and inspected. */
export class Qemus {
	readonly #known: Known;
	readonly #cache: () => Promise<Cache>;

	constructor(known: Known, cache: () => Promise<Cache>) {
		this.#known = known;
		this.#cache = cache;
	}

	/** Puts a QEMU on a host and inspects it. @throws VpmuError */
	on(host: Host, source: string): Promise<LeasedQemu> {
		return this.#known.onceOn(host, `qemu ${source}`, async () => {
			const { command, identity } = source.startsWith('debian:')
				? await this.#packagedOn(host, source)
				: await this.#ownOn(host, source);
			const { version, ...inspection } = await this.#inspected(host, command, source, identity);
			return { qemu: { command, label: source, version }, inspection };
		});
	}

	/** Returns its program as a local file. */
	async program(source: string, architecture: 'amd64' | 'arm64'): Promise<string> {
		if (!source.startsWith('debian:')) return source;
		return path.join((await this.packaged(source, architecture)).root, 'bin', 'qemu-system-aarch64');
	}

	/** A packaged QEMU with its dependencies, in the cache. */
	packaged(source: string, architecture: 'amd64' | 'arm64') {
		return this.#known.once(`${source} ${architecture}`, async () =>
			debianQemu(await this.#cache(), source.slice('debian:'.length), architecture),
		);
	}

	/**
	 * Checks machine types against the program files of QEMUs before anything starts. QEMU registers each as a type
	 * named `TYPE-machine`, which is a string in the program.
	 *
	 * @throws UsageError for a machine type that a QEMU lacks
	 */
	async checkMachines(
		machines: readonly string[],
		sources: readonly string[],
		architecture: 'amd64' | 'arm64',
	): Promise<void> {
		if (machines.length === 0) return;
		for (const source of sources) {
			const program = await readFile(await this.program(source, architecture));
			if (program.toString('latin1', 0, 4) !== '\u007fELF') continue;
			const unknown = machines.find(machine => machine !== 'none' && !program.includes(`${machine}-machine\0`));
			if (unknown === undefined) continue;
			const known = new Set(program.toString('latin1').match(/(?<=\0)virt(-[\w.+~-]+?)?(?=-machine\0)/g));
			const where = `of option '--machine' for ${source}`;
			throw new UnfitBuild(unknownName('machine type', unknown, where, [...known]).message);
		}
	}

	/** Inspects a QEMU once per build: the result is kept by the identity of its files, since it does not change. */
	async #inspected(host: Host, command: readonly string[], label: string, identity: string | undefined) {
		const ask = async (): Promise<Inspected> => {
			const { version, machines, pmuChoice } = await inspectQemu(host, { command, label });
			if ('answer' in machines) return { version, machines: machines.answer, pmuChoice };
			throw new VpmuError(`'${label}' does not tell its machine types`, {
				blame: 'qemu',
				evidence: [JSON.stringify(machines)],
			});
		};
		if (identity === undefined) return ask();
		const name = createHash('sha256')
			.update(JSON.stringify([inspectionVersion, identity]))
			.digest('hex')
			.slice(0, 20);
		const kept = await (await this.#cache()).keep(
			'inspections',
			name,
			async to => {
				await writeFile(to, stringifyJson((await ask()) as never));
				return { label: `what ${label} says of itself` };
			},
			damageOfJson(inspectedShape),
		);
		return await readKept(kept, inspectedShape);
	}

	async #packagedOn(host: Host, source: string): Promise<PlacedQemu> {
		const { root, command } = await this.packaged(source, architectureOf(host));
		return { command: command(await host.provide(root)), identity: path.basename(root) };
	}

	async #ownOn(host: Host, file: string): Promise<PlacedQemu> {
		const program = await inspectProgram(file).catch(error => {
			// A script that wraps a QEMU is allowed. A program for another architecture is not, and is named when it
			// starts.
			if (!(error instanceof VpmuError)) throw error;
		});
		// A script does not tell which program it starts.
		const identity = program === undefined ? undefined : await verifiedHash(file);
		return { command: [host.kind === 'local' ? file : await host.provide(file)], identity };
	}
}
