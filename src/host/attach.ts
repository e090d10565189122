import type { Host, HostReference } from './host.ts';
import { localHost } from './local.ts';
import { connectHost } from './ssh/host.ts';

/**
 * Connects to a host that another process of this machine owns. Opens a separate connection, because a shared ssh master
 * exits with a fatal error if one of its users is killed while a channel is being opened (OpenSSH 9.2, 10.0: `no remote_id`),
 * which would disconnect every user. The host still belongs to its owner.
 *
 * @throws HostError when it cannot be reached
 */
export async function attachHost(reference: HostReference): Promise<Host> {
	if (reference.kind === 'local') return localHost();
	const { name, kind, topology, target, options } = reference;
	return await connectHost(target, { name, kind, options, ...(topology === null ? {} : { topology }) });
}
