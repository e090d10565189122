import { VpmuError } from '../../lib/errors.ts';
import type { WaitOptions } from '../../lib/waiting/deadline.ts';
import type { HostFacts } from '../facts.ts';
import { type SimulatedHost, shimWords, simulatedFacts, sysfsTree } from './description.ts';
import { type TreeEntry, tarOf } from './tar.ts';

/** The part of a host that a simulation needs. */
export interface SimulationHost {
	readonly name: string;
	run(
		argv: readonly string[],
		options?: WaitOptions & { readonly stdin?: string | Uint8Array },
	): Promise<{
		readonly status: number | null;
		readonly signal: string | null;
		readonly stdout: Buffer;
		readonly stderr: Buffer;
	}>;
	makeFolder(options?: { readonly own?: boolean }): Promise<AsyncDisposable & { readonly path: string }>;
}

/** A simulation set up on a host. Disposing of it removes its files, but does not end processes that run in it. */
export interface Simulation extends AsyncDisposable {
	/** The outer prefix. It needs the host user's rights, so put it before any command that drops them. */
	readonly within: readonly string[];
	/** The inner prefix, directly before QEMU's program and after {@link within}. */
	readonly around: readonly string[];
	/** Both prefixes. They execute the rest in the same process, so the process id is QEMU's. */
	readonly wrapper: readonly string[];
	/** The facts as QEMU sees them. */
	readonly facts: HostFacts;
	/** Host path of the KVM shim's log; undefined without the shim. */
	readonly shimLog: string | undefined;
}

/**
 * Enters a new mount namespace, mounts a folder over /sys there, and executes the command. Without root it also enters a user namespace.
 */
const overlayScript = 'mount --bind "$1" /sys && shift && exec "$@"';

/** Builds the command prefix that runs a command with the simulated sysfs and KVM. */
export function wrapperArgv(options: {
	readonly sysfs?: string | undefined;
	readonly shim?: { readonly path: string; readonly words: string; readonly log: string } | undefined;
	readonly root: boolean;
}): string[] {
	const { sysfs, shim, root } = options;
	return [
		...(sysfs === undefined ? [] : ['unshare', root ? '-m' : '-rm', 'sh', '-c', overlayScript, 'vpmu-sysfs', sysfs]),
		...(shim === undefined
			? []
			: ['env', `LD_PRELOAD=${shim.path}`, `VPMU_KVM_SHIM=${shim.words}`, `VPMU_KVM_SHIM_LOG=${shim.log}`]),
	];
}

/**
 * Sets up a host so that it looks to QEMU as described: a tree over `/sys` in a mount namespace, and a shim for KVM.
 *
 * `facts` are those of the real host. `shimPath` is the host path of the shim library, needed if the description
 * changes KVM's answers. The caller owns the result.
 *
 * @throws UsageError for a description that cannot be simulated
 * @throws VpmuError (blame `host`) when the host does not support it, such as when it forbids mount namespaces
 */
export async function simulate(
	host: SimulationHost,
	description: SimulatedHost,
	{ facts, shimPath, ...wait }: WaitOptions & { readonly facts: HostFacts; readonly shimPath?: string | undefined },
): Promise<Simulation> {
	const tree = sysfsTree(facts, description);
	const words = shimWords(description);
	if (words !== undefined && shimPath === undefined) {
		throw new VpmuError(`${host.name}: KVM's answers can only be simulated with the KVM shim, which is not there`, {
			blame: 'host',
		});
	}
	await using stack = new AsyncDisposableStack();
	const folder = stack.use(await host.makeFolder({ own: true }));
	// The shim runs inside QEMU and writes with QEMU's rights.
	const log = words === undefined ? undefined : `${stack.use(await host.makeFolder()).path}/kvm-shim.log`;
	const root = await prepare(host, folder.path, tree ?? [], wait);
	const within = wrapperArgv({ sysfs: tree === undefined ? undefined : `${folder.path}/sys`, root });
	const around = wrapperArgv({ shim: log === undefined ? undefined : { path: shimPath!, words: words!, log }, root });
	if (tree !== undefined) await checkOverlay(host, within, wait);
	const owned = stack.move();
	return {
		...{ within, around, wrapper: [...within, ...around] },
		facts: simulatedFacts(facts, description),
		shimLog: log,
		[Symbol.asyncDispose]: () => owned.disposeAsync(),
	};
}

/** Unpacks the tree. Returns whether the host's user is root. */
async function prepare(
	host: SimulationHost,
	folder: string,
	tree: readonly TreeEntry[],
	wait: WaitOptions,
): Promise<boolean> {
	const script = 'mkdir -m 755 "$1/sys" && tar -x -C "$1/sys" -f - && id -u';
	const result = await host.run(['sh', '-c', script, 'sh', folder], { ...wait, stdin: tarOf(tree) });
	if (result.status !== 0) throw cannot(host, 'unpacking its files failed', result);
	return result.stdout.toString().trim() === '0';
}

async function checkOverlay(host: SimulationHost, within: readonly string[], wait: WaitOptions): Promise<void> {
	const result = await host.run([...within, 'true'], wait);
	if (result.status !== 0) throw cannot(host, 'it allows no mount over /sys in a namespace', result);
}

function cannot(host: SimulationHost, why: string, { stderr }: { readonly stderr: Buffer }): VpmuError {
	return new VpmuError(`${host.name} cannot be simulated upon: ${why}`, {
		blame: 'host',
		evidence: stderr.toString().trim().split('\n').slice(-5),
	});
}
