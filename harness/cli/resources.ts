import type { Host } from '../../src/host/index.ts';
import { debianQemu, hostArchitecture } from '../../src/image/index.ts';
import { parseOn } from '../plan/select.ts';
import { Resources } from '../run/resources/resources.ts';
import type { CommandContext } from '../usage/context.ts';

/** Hosts, caches and kernels for a command that starts one guest or none. The caller owns it. */
export function resourcesFor(
	context: CommandContext,
	kernel = 'debian:trixie',
	boardKernel = 'debian:trixie',
): Resources {
	const shown = new Set<string>();
	return new Resources({
		...{ kernel, boardKernel, env: context.env, signal: context.signal },
		onProgress: what => {
			if (!shown.has(what)) context.stderr.write(`${what}\n`);
			shown.add(what);
		},
	});
}

/** The host of `--on`. @throws UsageError; VpmuError when it cannot be had */
export async function hostOn(resources: Resources, on: string): Promise<Host> {
	const place = parseOn(on);
	return await resources.host(place === 'board' ? 'board:uniform' : place);
}

/** How a QEMU is started on a host. @throws VpmuError when a package cannot be had or copied */
export async function qemuCommand(resources: Resources, host: Host, source: string): Promise<readonly string[]> {
	// A file of this machine may look for its parts beside itself; elsewhere it gets there by itself.
	if (!source.startsWith('debian:')) return [await host.provide(source)];
	const architecture = host.kind === 'local' ? hostArchitecture() : 'arm64';
	const suite = source.slice('debian:'.length);
	const { root, command: start } = await debianQemu(await resources.cache(), suite, architecture);
	return start(await host.provide(root));
}
