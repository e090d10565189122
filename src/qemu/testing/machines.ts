import { fileURLToPath } from 'node:url';
import type { Host } from '../../host/host.ts';
import type { MachineSpec } from '../spec.ts';
import type { Script } from './fake-qemu.ts';
import { plainHost } from './hosts.ts';

/** The command that starts the fake QEMU of fake-qemu.ts. */
export const fakeQemu = [process.execPath, fileURLToPath(new URL('fake-qemu.ts', import.meta.url))];

/** Makes a host on which the fake QEMU follows the script. */
export function scriptedHost(script: Script, overrides: Partial<Host> = {}): Host {
	const host = plainHost();
	return {
		...host,
		spawn: (argv, options = {}) =>
			host.spawn(argv, { ...options, env: { ...options.env, FAKE_QEMU: JSON.stringify(script) } }),
		...overrides,
	};
}

/** A guest with a console that the fake QEMU accepts. */
export const fakeSpec: MachineSpec = {
	qemu: { command: fakeQemu },
	machine: 'virt',
	accel: 'tcg',
	cpu: 'max',
	vcpus: 1,
	memoryMiB: 64,
	console: true,
};
