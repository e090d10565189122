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
	type Image,
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
	verifiedHash,
} from '../../src/index.ts';
import { unknownName } from '../cli/command.ts';
import { hostTool } from '../places.ts';
import type { Cell } from '../plan/plan.ts';
import { defaultQemus, UnfitBuild } from '../plan/select.ts';
import { type Calibration, calibrate } from './calibration.ts';
import { agentPath, defaultKernel, loaderInit, modulesFolder, portModules } from './guest-image.ts';
import { answers, architectureOf, needKvm } from './hosts.ts';
import type { Lease, LeaseData } from './lease.ts';

/** How to start a QEMU on its host, and what tells its files from others; `undefined` when nothing does. */
interface PlacedQemu {
	readonly command: string[];
	readonly identity: string | undefined;
}

const failed = Symbol('failed');

const labelOf = (name: string, copy: number) => (copy === 0 ? name : `${name}#${copy}`);
const hostKey = (on: string, copy: number) => `host ${labelOf(on, copy)}`;

/** Raised when cells need to know more of a QEMU than was kept. */
const inspectionVersion = 1;

export interface ResourceOptions {
	/** Guest kernel and the board's own: `debian:SUITE` or a path. */
	readonly kernel: string;
	readonly boardKernel: string;
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly signal?: AbortSignal;
	/** Wait for others who work on the same things of the cache (default), instead of failing. */
	readonly wait?: boolean;
	readonly onProgress: (what: string, done?: number, total?: number) => void;
}

/**
 * Hosts, boards, QEMUs, kernels and images of a run: each made once, when a cell first needs it, and kept until the
 * run ends. A failure is kept too: what could not be made is not tried again for every cell.
 */
export class Resources implements AsyncDisposable {
	readonly #options: ResourceOptions;
	readonly #owned = new AsyncDisposableStack();
	readonly #known = new Map<string, Promise<unknown>>();
	readonly #labels = new WeakMap<Host, string>();

	constructor(options: ResourceOptions) {
		this.#options = options;
	}

	/** All that a cell needs, ready on the host that it was given. @throws VpmuError with the blame of what could not be had */
	async ready(cell: Cell, host: Host, folders: Pick<Lease, 'artifacts' | 'runFolder'>): Promise<LeaseData> {
		if (cell.accel === 'kvm') needKvm(await this.facts(host));
		const kernelSource = cell.kernel ?? this.#options.kernel;
		const [{ qemu, inspection }, reference, facts, kernel, initrd, made, { slowness }, shim] = await Promise.all([
			this.qemu(host, cell.qemu),
			cell.reference === null ? undefined : this.qemu(host, cell.reference),
			this.facts(host),
			this.kernel(host, kernelSource),
			this.initrd(host, kernelSource),
			this.#made(host, cell.qemu, kernelSource),
			this.#calibration(host),
			host.kind === 'local' ? hostTool('kvm-shim.so') : host.provide(hostTool('kvm-shim.so')),
		]);
		return {
			host: host.reference,
			qemu,
			inspection,
			...(reference === undefined ? {} : { reference }),
			facts,
			kernel,
			initrd,
			shim,
			sources: { kernel: this.#options.kernel, boardKernel: this.#options.boardKernel },
			made,
			slowness,
			...folders,
		};
	}

	cache(): Promise<Cache> {
		return this.#once('cache', () =>
			openCache({
				env: this.#options.env,
				wait: this.#options.wait ?? true,
				...(this.#options.signal === undefined ? {} : { signal: this.#options.signal }),
				onProgress: progress => {
					if ('notice' in progress) this.#options.onProgress(progress.notice);
					else this.#options.onProgress(progress.what, progress.done, progress.total ?? undefined);
				},
			}),
		);
	}

	/** A host as `--on` names it; of a board, one of several copies that are alike. */
	host(on: string, copy = 0): Promise<Host> {
		return this.#once(hostKey(on, copy), async () => {
			if (on === 'local') return this.#owned.use(localHost());
			// ssh takes a port only from its own URL form, and an alias of ~/.ssh/config only without.
			if (on.startsWith('ssh://')) {
				return this.#owned.use(await sshHost(/:\d+$/.test(on) ? on : on.slice('ssh://'.length)));
			}
			const topology = on.slice('board:'.length);
			this.#options.onProgress(`starting board ${topology}`);
			const board: Board = await startBoard({
				cache: await this.cache(),
				topology,
				kernel: this.#options.boardKernel,
				preload: await this.#preload(),
				...(this.#options.signal === undefined ? {} : { signal: this.#options.signal }),
			});
			this.#labels.set(board, labelOf(board.name, copy));
			return this.#owned.use(board);
		});
	}

	/** Ends a copy of a board that nobody uses; asked for again, it is made again. */
	async retire(on: string, copy: number): Promise<void> {
		const key = hostKey(on, copy);
		const host = (await this.#known.get(key)?.catch(() => undefined)) as Board | undefined;
		this.#forget(key, host);
		await host?.[Symbol.asyncDispose]();
	}

	/** What has been put on a host goes with it. */
	#forget(key: string, host: Host | undefined): void {
		this.#known.delete(key);
		if (host === undefined) return;
		for (const other of [...this.#known.keys()]) if (other.endsWith(` ${this.#label(host)}`)) this.#known.delete(other);
	}

	/** What tells the copies of a board apart, which share their name. */
	#label(host: Host): string {
		return this.#labels.get(host) ?? host.name;
	}

	/** A QEMU under test, in place on a host, and what it says of itself. */
	qemu(host: Host, source: string): Promise<{ qemu: QemuBuild; inspection: Lease['inspection'] }> {
		return this.#once(`qemu ${source} on ${this.#label(host)}`, async () => {
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
		if (machines.length === 0) return;
		for (const source of sources) {
			const file = source.startsWith('debian:')
				? path.join((await this.#packagedRoot(source, architecture)).root, 'bin', 'qemu-system-aarch64')
				: source;
			const program = await readFile(file);
			if (program.toString('latin1', 0, 4) !== '\u007fELF') continue;
			const unknown = machines.find(machine => machine !== 'none' && !program.includes(`${machine}-machine\0`));
			if (unknown === undefined) continue;
			const known = new Set(program.toString('latin1').match(/(?<=\0)virt(-[\d.]+)?(?=-machine\0)/g));
			const where = `of option '--machine' for ${source}`;
			throw new UnfitBuild(unknownName('machine type', unknown, where, [...known]).message);
		}
	}

	facts(host: Host): Promise<HostFacts> {
		return this.#once(`facts of ${host.name}`, async () => {
			const kvmFactsPath =
				host.kind === 'local' && process.arch !== 'arm64' ? undefined : await host.provide(hostTool('kvm-facts'));
			return readHostFacts(host, kvmFactsPath === undefined ? {} : { kvmFactsPath });
		});
	}

	kernel(host: Host, source: string): Promise<Lease['kernel']> {
		return this.#once(`kernel ${source} on ${this.#label(host)}`, async () => {
			const [{ image, release }, { init }] = await Promise.all([this.localKernel(source), this.#guest(source)]);
			return { path: await host.provide(image), release, init };
		});
	}

	/** The files that a cell is made of, with their hashes; those of the cache are checked against what was once made. */
	async #made(host: Host, qemu: string, kernel: string): Promise<Lease['made']> {
		const hashed = (file: string) =>
			this.#once(`hash of ${file}`, async () => ({ path: file, sha256: await verifiedHash(file) }));
		const program = qemu.startsWith('debian:')
			? path.join((await this.#packagedRoot(qemu, architectureOf(host))).root, 'bin', 'qemu-system-aarch64')
			: qemu;
		const [image, { image: kernelImage }] = await Promise.all([
			this.#guest(kernel).then(guest => guest.image),
			this.localKernel(kernel),
		]);
		const [one, two, three] = await Promise.all([hashed(program), hashed(kernelImage), hashed(image.path)]);
		return { qemu: one, kernel: two, initrd: three };
	}

	#calibration(host: Host): Promise<Calibration> {
		return this.#once(`calibration of ${host.name}`, async () =>
			calibrate(await this.cache(), host, await this.facts(host)),
		);
	}

	localKernel(source: string): Promise<Kernel> {
		return this.#once(`kernel ${source}`, async () => {
			const cache = await this.cache();
			return source.startsWith('debian:')
				? debianKernel(cache, source.slice('debian:'.length))
				: kernelFromFile(cache, source);
		});
	}

	/** The guest's initramfs for a kernel, in place on a host. */
	initrd(host: Host, kernel = this.#options.kernel): Promise<string> {
		return this.#once(`initrd for ${kernel} on ${this.#label(host)}`, async () => {
			return host.provide((await this.#guest(kernel)).image.path);
		});
	}

	/** The guest's initramfs for a kernel, and its first process: one that loads the port's drivers where they are modules. */
	#guest(kernel: string): Promise<{ image: Image; init: string }> {
		return this.#once(`guest for ${kernel}`, async () => {
			const plain = { image: await this.#image(), init: agentPath };
			if (kernel === defaultKernel) return plain;
			const options = { kernel: await this.localKernel(kernel), extraFiles: [loaderInit] };
			const recipe = { ...(await loadRecipe('guest')), kernelModules: portModules };
			const image = await buildImage(await this.cache(), recipe, options);
			const isLoaded = image.contents.some(file => file.path.includes(modulesFolder));
			return isLoaded ? { image, init: `/${loaderInit.path}` } : plain;
		});
	}

	/** What every run with the default choices copies into a board: in its snapshot it costs nothing. */
	#preload(): Promise<string[]> {
		return this.#once('preload', async () => [
			...(await Promise.all(defaultQemus.map(async source => (await this.#packagedRoot(source, 'arm64')).root))),
			(await this.localKernel(defaultKernel)).image,
			(await this.#image()).path,
			hostTool('kvm-facts'),
			hostTool('kvm-shim.so'),
		]);
	}

	#image() {
		return this.#once('initrd', async () => buildImage(await this.cache(), await loadRecipe('guest')));
	}

	/**
	 * Forgets what could not be made, and hosts that do not answer any more with all that was on them: asked for again,
	 * it is made again.
	 */
	async renew(): Promise<void> {
		for (const [what, made] of [...this.#known]) {
			const value = await made.catch(() => failed);
			if (value === failed) this.#known.delete(what);
			else if (what.startsWith('host ') && !(await answers(value as Host))) {
				this.#forget(what, value as Host);
			}
		}
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await Promise.allSettled(this.#known.values());
		await this.#owned.disposeAsync();
	}

	async #packagedQemu(host: Host, source: string): Promise<PlacedQemu> {
		const { root, command } = await this.#packagedRoot(source, architectureOf(host));
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
		const identity = program === undefined ? undefined : await verifiedHash(file);
		return { command: [host.kind === 'local' ? file : await host.provide(file)], identity };
	}

	#once<T>(what: string, make: () => Promise<T>): Promise<T> {
		const known = this.#known.get(what);
		if (known !== undefined) return known as Promise<T>;
		const made = make();
		this.#known.set(what, made);
		return made;
	}
}
