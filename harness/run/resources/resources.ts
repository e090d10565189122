import { open, readFile } from 'node:fs/promises';
import { type Board, boardFiles, startBoard } from '../../../src/board/index.ts';
import { type Host, localHost, sshHost } from '../../../src/host/index.ts';
import {
	buildIdOf,
	type Cache,
	hostArchitecture,
	openCache,
	type PinSummary,
	slownessOfKernel,
	smallKernel,
	verifiedHash,
} from '../../../src/image/index.ts';
import { type HostFacts, readHostFacts } from '../../../src/pmu/index.ts';
import { type Cell, partsOfPlace } from '../../plan/plan.ts';
import { defaultQemus } from '../../plan/select.ts';
import type { Lease, LeaseData } from '../../protocol/lease.ts';
import { hostTool } from '../../usage/places.ts';
import { type Calibration, calibrate, loadOf } from '../calibration.ts';
import { defaultKernel } from './guest-image.ts';
import { guestKernelOf } from './guest-kernel.ts';
import { Guests } from './guests.ts';
import { architectureOf, needKvm } from './hosts.ts';
import { Known } from './known.ts';
import { Qemus } from './qemus.ts';

export interface ResourceOptions {
	/** Guest kernel and the board's own: `debian:SUITE`, `small` or a path. */
	readonly kernel: string;
	readonly boardKernel: string;
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly signal?: AbortSignal;
	/** Wait for others who use the same cache entries (default) instead of failing. */
	readonly wait?: boolean;
	/** Fetch nothing: what is missing is a NotCachedError. */
	readonly offline?: boolean;
	readonly onProgress: (what: string, done?: number, total?: number) => void;
}

/** Whether a program was built with AddressSanitizer, which has these names in every build. */
const isSanitized = async (program: string) => (await readFile(program)).includes('__asan_default_options');

const labelOf = (on: string, copy: number) => (copy === 0 ? on : `${on}#${copy}`);

/**
 * Hosts, boards, QEMUs, kernels and images of a run. Each is made once, when a cell first needs it, and kept until the
 * run ends.
 */
export class Resources implements AsyncDisposable {
	readonly #options: ResourceOptions;
	readonly #owned = new AsyncDisposableStack();
	readonly #known = new Known();
	/** Copies of a board have the same facts; boards of one topology with different kernels do not. */
	readonly #places = new WeakMap<Host, string>();
	#pinned: Cache | undefined;
	/** The QEMUs under test. */
	readonly qemus = new Qemus(this.#known, () => this.cache());
	/** Kernels and images of guests. */
	readonly guests = new Guests(this.#known, () => this.cache());

	constructor(options: ResourceOptions) {
		this.#options = options;
	}

	/**
	 * Makes everything ready that a cell needs on its host. @throws VpmuError with the blame of what could not be
	 * provided
	 */
	async ready(cell: Cell, host: Host, folders: Pick<Lease, 'artifacts' | 'runFolder'>): Promise<LeaseData> {
		if (cell.accel === 'kvm') needKvm(await this.facts(host));
		const asked = guestKernelOf(cell.id, this.#options.kernel);
		const kernelSource = cell.kernel ?? asked;
		const boardKernel = cell.boardKernel ?? this.#options.boardKernel;
		const [{ qemu, inspection }, reference, facts, kernel, initrd, made, { slowness }, load, shim] = await Promise.all([
			this.qemus.on(host, cell.qemu),
			cell.reference === null ? undefined : this.qemus.on(host, cell.reference),
			this.facts(host),
			this.guests.kernelOn(host, kernelSource),
			this.guests.initrdOn(host, kernelSource),
			this.#made(host, cell.qemu, kernelSource),
			this.#calibration(host),
			loadOf(host),
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
			sources: { kernel: asked, boardKernel },
			made,
			isSanitized: await this.#known.once(`sanitizers of ${made.qemu.path}`, () => isSanitized(made.qemu.path)),
			buildId: await this.#buildId(made.qemu.path),
			boardKernel: host.kind === 'board' ? await this.#boardKernel(boardKernel) : null,
			slowness: slowness * load * (await this.#slownessOfKernels(host, kernelSource, boardKernel)),
			...folders,
		};
	}

	/**
	 * Provides all files that cells, their hosts and boards are made of, and starts nothing.
	 * @throws VpmuError for what cannot be provided
	 */
	async fill(cells: readonly Cell[]): Promise<void> {
		for (const { on, qemu, reference, kernel, boardKernel } of cells.filter(cell => cell.skip === null)) {
			const architecture = on === 'local' ? hostArchitecture() : 'arm64';
			for (const source of [qemu, reference]) if (source !== null) await this.qemus.program(source, architecture);
			await this.guests.imageFor(kernel ?? this.#options.kernel);
			await this.guests.kernel(kernel ?? this.#options.kernel);
			if (!on.startsWith('board')) continue;
			await this.#preload();
			const own = boardKernel ?? this.#options.boardKernel;
			await this.#known.once(`files of boards with ${own}`, async () => boardFiles(await this.cache(), own));
		}
	}

	/** The versions of Debian packages that were used so far. */
	get pins(): readonly PinSummary[] {
		return [...(this.#pinned?.pins.values() ?? [])];
	}

	cache(): Promise<Cache> {
		return this.#known.once('cache', async () => {
			this.#pinned = await openCache({
				env: this.#options.env,
				wait: this.#options.wait ?? true,
				offline: this.#options.offline ?? false,
				...(this.#options.signal === undefined ? {} : { signal: this.#options.signal }),
				onProgress: progress => {
					if ('notice' in progress) this.#options.onProgress(progress.notice);
					else this.#options.onProgress(progress.what, progress.done, progress.total ?? undefined);
				},
			});
			return this.#pinned;
		});
	}

	/**
	 * Returns a host as named by `--on`; for a board, one of several identical copies, and with a kernel of its own if the place
	 * names one.
	 */
	host(place: string, copy = 0): Promise<Host> {
		return this.#known.host(labelOf(place, copy), async () => {
			const { on, boardKernel = this.#options.boardKernel } = partsOfPlace(place);
			if (on === 'local') return this.#owned.use(localHost());
			// ssh accepts a port only in its URL form, and an alias of ~/.ssh/config only outside it.
			if (on.startsWith('ssh://')) {
				return this.#owned.use(await sshHost(/:\d+$/.test(on) ? on : on.slice('ssh://'.length)));
			}
			const topology = on.slice('board:'.length);
			this.#options.onProgress(`Starting board '${topology}'`);
			const board: Board = await startBoard({
				cache: await this.cache(),
				topology,
				kernel: boardKernel,
				preload: await this.#preload(),
				...(this.#options.signal === undefined ? {} : { signal: this.#options.signal }),
			});
			this.#places.set(board, place);
			return this.#owned.use(board);
		});
	}

	/** Ends an unused copy of a board; it is made again on request. */
	async retire(on: string, copy: number): Promise<void> {
		const host = (await this.#known.forgetHost(labelOf(on, copy))) as Board | undefined;
		await host?.[Symbol.asyncDispose]();
	}

	facts(host: Host): Promise<HostFacts> {
		return this.#known.once(`facts of ${this.#placeOf(host)}`, async () => {
			const kvmFactsPath =
				host.kind === 'local' && process.arch !== 'arm64' ? undefined : await host.provide(hostTool('kvm-facts'));
			return readHostFacts(host, kvmFactsPath === undefined ? {} : { kvmFactsPath });
		});
	}

	/** Forgets failures, and hosts that no longer respond with everything on them; they are made again on request. */
	async renew(): Promise<void> {
		await this.#known.renew();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#known.settled();
		await this.#owned.disposeAsync();
	}

	/**
	 * Returns the files that a cell is made of, with their hashes. Files of the cache are checked against their
	 * recorded hashes.
	 */
	async #made(host: Host, qemu: string, kernel: string): Promise<Lease['made']> {
		const hashed = (file: string) =>
			this.#known.once(`hash of ${file}`, async () => ({ path: file, sha256: await verifiedHash(file) }));
		const files = await Promise.all([
			this.qemus.program(qemu, architectureOf(host)),
			this.guests.kernel(kernel).then(({ image }) => image),
			this.guests.imageFor(kernel).then(image => image.path),
		]);
		const [one, two, three] = await Promise.all(files.map(hashed));
		return { qemu: one!, kernel: two!, initrd: three! };
	}

	#buildId(program: string): Promise<string | null> {
		return this.#known.once(`build id of ${program}`, async () => {
			await using file = await open(program);
			// The linker puts the note among the first pages.
			const { buffer, bytesRead } = await file.read(Buffer.alloc(1 << 20), 0, 1 << 20, 0);
			return buildIdOf(buffer.subarray(0, bytesRead));
		});
	}

	#placeOf(host: Host): string {
		return this.#places.get(host) ?? host.name;
	}

	#boardKernel(source: string): Promise<string> {
		return this.#known.once(`hash of the boards' kernel ${source}`, async () =>
			verifiedHash((await this.guests.kernel(source)).image),
		);
	}

	#calibration(host: Host): Promise<Calibration> {
		return this.#known.once(`calibration of ${this.#placeOf(host)}`, async () =>
			calibrate(await this.cache(), host, await this.facts(host)),
		);
	}

	/** How much slower the kernels of a cell are because they look for their own defects. */
	async #slownessOfKernels(host: Host, kernel: string, boardKernel: string): Promise<number> {
		const guest = slownessOfKernel((await this.guests.kernel(kernel)).config);
		if (host.kind !== 'board') return guest;
		return guest * slownessOfKernel((await this.guests.kernel(boardKernel)).config);
	}

	/** What every run with default options copies into a board: it is free in the board's snapshot. */
	#preload(): Promise<string[]> {
		return this.#known.once('preload', async () => [
			...(await Promise.all(defaultQemus.map(async source => (await this.qemus.packaged(source, 'arm64')).root))),
			(await this.guests.kernel(defaultKernel)).image,
			...(this.#options.kernel === smallKernel ? [(await this.guests.kernel(smallKernel)).image] : []),
			(await this.guests.image()).path,
			hostTool('kvm-facts'),
			hostTool('kvm-shim.so'),
		]);
	}
}
