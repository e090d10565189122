import type { Host, HostReference } from './host.ts';
import { localHost } from './local.ts';
import { connectHost } from './ssh/host.ts';

/**
 * A host that another process of this machine owns, reached by this one: over a connection of its own, since an ssh
 * master ends with a fatal error when one of those who share it is killed while a channel is being opened (OpenSSH 9.2,
 * 10.0: `no remote_id`), and would take everybody with it. The host itself stays its owner's.
 *
 * @throws HostError when it cannot be reached
 */
export async function attachHost(reference: HostReference): Promise<Host> {
	if (reference.kind === 'local') return localHost();
	const { name, kind, topology, target, options } = reference;
	return await connectHost(target, { name, kind, options, ...(topology === null ? {} : { topology }) });
}
