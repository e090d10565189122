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
			if (!shown.has(what)) context.stderr.write(`- ${what}\n`);
			shown.add(what);
		},
	});
}

/** Returns the host for `--on`. @throws UsageError; VpmuError if it cannot be provided */
export async function hostOn(resources: Resources, on: string): Promise<Host> {
	const place = parseOn(on);
	return await resources.host(place === 'board' ? 'board:uniform' : place);
}

/** Returns how to start a QEMU on a host. @throws VpmuError if a package cannot be provided or copied */
export async function qemuCommand(resources: Resources, host: Host, source: string): Promise<readonly string[]> {
	// A local program may look for its files next to it; on another host its dependencies are copied with it.
	if (!source.startsWith('debian:')) return [await host.provide(source)];
	const architecture = host.kind === 'local' ? hostArchitecture() : 'arm64';
	const suite = source.slice('debian:'.length);
	const { root, command: start } = await debianQemu(await resources.cache(), suite, architecture);
	return start(await host.provide(root));
}
