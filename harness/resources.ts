import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
	type Board,
	buildImage,
	type Cache,
	debianKernel,
	debianQemu,
	type Host,
	type HostFacts,
	hostArchitecture,
	inspectProgram,
	inspectQemu,
	type Kernel,
	kernelFromFile,
	loadRecipe,
	localHost,
	openCache,
	parseJson,
	type QemuBuild,
	readHostFacts,
	sshHost,
	startBoard,
	stringifyJson,
	VpmuError,
} from '../src/index.ts';
import { unknownName } from './cli/command.ts';
import type { Lease } from './lease.ts';
import type { Cell } from './plan.ts';
import { defaultQemus } from './select.ts';

/** How to start a QEMU on its host, and what tells its files from others; `undefined` when nothing does. */
interface PlacedQemu {
	readonly command: string[];
	readonly identity: string | undefined;
}

/** Raised when cells need to know more of a QEMU than was kept. */
const inspectionVersion = 1;

export interface ResourceOptions {
	/** Guest kernel and the board's own: `debian:SUITE` or a path. */
	readonly kernel: string;
	readonly boardKernel: string;
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly signal?: AbortSignal;
	readonly onProgress: (what: string, done?: number, total?: number) => void;
}

/** A program of ours for arm64 hosts. */
const tool = (name: string) => path.resolve(import.meta.dirname, '..', 'images', 'tools', 'bin', 'aarch64', name);

/**
 * Hosts, boards, QEMUs, kernels and images of a run: each made once, when a cell first needs it, and kept until the
 * run ends. A failure is kept too: what could not be made is not tried again for every cell.
 */
export class Resources implements AsyncDisposable {
	readonly #options: ResourceOptions;
	readonly #owned = new AsyncDisposableStack();
	readonly #made = new Map<string, Promise<unknown>>();

	constructor(options: ResourceOptions) {
		this.#options = options;
	}

	/** All that a cell needs, ready on its host. @throws VpmuError with the blame of what could not be had */
	async ready(cell: Cell, folders: Pick<Lease, 'artifacts' | 'runFolder'>): Promise<Lease> {
		const host = await this.host(cell.on);
		const [{ qemu, inspection }, facts, kernel, initrd, shim] = await Promise.all([
			this.qemu(host, cell.qemu),
			this.facts(host),
			this.kernel(host, cell.kernel ?? this.#options.kernel),
			this.initrd(host),
			host.kind === 'local' ? tool('kvm-shim.so') : host.provide(tool('kvm-shim.so')),
		]);
		return {
			host: host.reference,
			qemu,
			inspection,
			facts,
			kernel,
			initrd,
			shim,
			sources: { kernel: this.#options.kernel, boardKernel: this.#options.boardKernel },
			slowness: host.kind === 'board' ? 2 : 1,
			...folders,
		};
	}

	cache(): Promise<Cache> {
		return this.#once('cache', () =>
			openCache({
				env: this.#options.env,
				...(this.#options.signal === undefined ? {} : { signal: this.#options.signal }),
				onProgress: progress => {
					if ('notice' in progress) this.#options.onProgress(progress.notice);
					else this.#options.onProgress(progress.what, progress.done, progress.total ?? undefined);
				},
			}),
		);
	}

	host(on: string): Promise<Host> {
		return this.#once(`host ${on}`, async () => {
			if (on === 'local') return this.#owned.use(localHost());
			if (on.startsWith('ssh://')) return this.#owned.use(await sshHost(on.slice('ssh://'.length)));
			const topology = on.slice('board:'.length);
			this.#options.onProgress(`starting board ${topology}`);
			const board: Board = await startBoard({
				cache: await this.cache(),
				topology,
				kernel: this.#options.boardKernel,
				preload: await this.#preload(),
				...(this.#options.signal === undefined ? {} : { signal: this.#options.signal }),
			});
			return this.#owned.use(board);
		});
	}

	/** A QEMU under test, in place on a host, and what it says of itself. */
	qemu(host: Host, source: string): Promise<{ qemu: QemuBuild; inspection: Lease['inspection'] }> {
		return this.#once(`qemu ${source} on ${host.name}`, async () => {
			const { command, identity } = source.startsWith('debian:')
				? await this.#packagedQemu(host, source)
				: await this.#ownQemu(host, source);
			const { version, ...inspection } = await this.#inspected(host, command, source, identity);
			return { qemu: { command, label: source, version }, inspection };
		});
	}

	/** What a build says of itself does not change: asked once, kept by the identity of its files. */
	async #inspected(host: Host, command: readonly string[], label: string, identity: string | undefined) {
		const ask = async () => {
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
		const kept = await (await this.cache()).keep('inspections', name, async to => {
			await writeFile(to, stringifyJson((await ask()) as never));
			return { label: `what ${label} says of itself` };
		});
		return parseJson(await readFile(kept, 'utf8')) as unknown as Awaited<ReturnType<typeof ask>>;
	}

	/**
	 * Checks machine types against the program files of QEMUs, before anything is started: QEMU registers each as a type
	 * named `TYPE-machine`, a string in the program.
	 *
	 * @throws UsageError for a machine type that a QEMU does not have
	 */
	async checkMachines(
		machines: readonly string[],
		sources: readonly string[],
		architecture: 'amd64' | 'arm64',
	): Promise<void> {
		for (const source of sources) {
			const file = source.startsWith('debian:')
				? path.join((await this.#packagedRoot(source, architecture)).root, 'bin', 'qemu-system-aarch64')
				: source;
			const program = await readFile(file);
			if (program.toString('latin1', 0, 4) !== '\u007fELF') continue;
			const unknown = machines.find(machine => machine !== 'none' && !program.includes(`${machine}-machine\0`));
			if (unknown === undefined) continue;
			const known = new Set(program.toString('latin1').match(/(?<=\0)virt(-[\d.]+)?(?=-machine\0)/g));
			throw unknownName('machine type', unknown, `of option '--machine' for ${source}`, [...known]);
		}
	}

	facts(host: Host): Promise<HostFacts> {
		return this.#once(`facts of ${host.name}`, async () => {
			const kvmFactsPath =
				host.kind === 'local' && process.arch !== 'arm64' ? undefined : await host.provide(tool('kvm-facts'));
			return readHostFacts(host, kvmFactsPath === undefined ? {} : { kvmFactsPath });
		});
	}

	kernel(host: Host, source: string): Promise<Lease['kernel']> {
		return this.#once(`kernel ${source} on ${host.name}`, async () => {
			const { image, release } = await this.localKernel(source);
			return { path: await host.provide(image), release };
		});
	}

	localKernel(source: string): Promise<Kernel> {
		return this.#once(`kernel ${source}`, async () => {
			const cache = await this.cache();
			return source.startsWith('debian:')
				? debianKernel(cache, source.slice('debian:'.length))
				: kernelFromFile(cache, source);
		});
	}

	/** The guest's initramfs, in place on a host. */
	initrd(host: Host): Promise<string> {
		return this.#once(`initrd on ${host.name}`, async () => {
			return host.provide((await this.#image()).path);
		});
	}

	/** What every run with the default choices copies into a board: in its snapshot it costs nothing. */
	#preload(): Promise<string[]> {
		return this.#once('preload', async () => [
			...(await Promise.all(defaultQemus.map(async source => (await this.#packagedRoot(source, 'arm64')).root))),
			(await this.localKernel('debian:trixie')).image,
			(await this.#image()).path,
			tool('kvm-facts'),
			tool('kvm-shim.so'),
		]);
	}

	#image() {
		return this.#once('initrd', async () => buildImage(await this.cache(), await loadRecipe('guest')));
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await Promise.allSettled(this.#made.values());
		await this.#owned.disposeAsync();
	}

	async #packagedQemu(host: Host, source: string): Promise<PlacedQemu> {
		const architecture = host.kind === 'local' ? hostArchitecture() : 'arm64';
		const { root, command } = await this.#packagedRoot(source, architecture);
		return { command: command(await host.provide(root)), identity: path.basename(root) };
	}

	#packagedRoot(source: string, architecture: 'amd64' | 'arm64') {
		return this.#once(`${source} ${architecture}`, async () =>
			debianQemu(await this.cache(), source.slice('debian:'.length), architecture),
		);
	}

	async #ownQemu(host: Host, file: string): Promise<PlacedQemu> {
		const program = await inspectProgram(file).catch(error => {
			// A script that wraps a QEMU is fine; a program of another machine is not, and is named when it starts.
			if (!(error instanceof VpmuError)) throw error;
		});
		// What a script starts is not known by the script.
		const identity =
			program === undefined
				? undefined
				: createHash('sha256')
						.update(await readFile(file))
						.digest('hex');
		return { command: [host.kind === 'local' ? file : await host.provide(file)], identity };
	}

	#once<T>(what: string, make: () => Promise<T>): Promise<T> {
		const known = this.#made.get(what);
		if (known !== undefined) return known as Promise<T>;
		const made = make();
		this.#made.set(what, made);
		return made;
	}
}
