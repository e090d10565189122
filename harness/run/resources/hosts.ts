import type { Board } from '../../../src/board/index.ts';
import type { Host } from '../../../src/host/index.ts';
import { hostArchitecture } from '../../../src/image/index.ts';
import { VpmuError } from '../../../src/lib/index.ts';
import type { HostFacts } from '../../../src/pmu/index.ts';

/** Checks that guests can run under KVM there, so that QEMU is not blamed for it. @throws VpmuError */
export function needKvm({ host, kvm }: HostFacts): void {
	if (kvm.present && kvm.usable !== 'no') return;
	throw new VpmuError(`${host} has no usable /dev/kvm`, {
		blame: host.startsWith('board:') ? 'board' : 'host',
		evidence: [kvm.present ? '/dev/kvm exists, but cannot be opened' : 'there is no /dev/kvm'],
	});
}

/** Debian's name for a host's architecture; hosts other than this machine are arm64. */
export function architectureOf(host: Host): 'amd64' | 'arm64' {
	return host.kind === 'local' ? hostArchitecture() : 'arm64';
}

/** Whether a host still responds. */
export async function answers(host: Host): Promise<boolean> {
	// It is unused between rounds, and may be paused.
	if ('proceed' in host) await (host as Board).proceed().catch(() => undefined);
	return await host.run(['true'], { timeoutMs: 20_000 }).then(
		({ status }) => status === 0,
		() => false,
	);
}
