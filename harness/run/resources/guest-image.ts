/** The guest's first process, which serves commands (images/tools/agent). */
export const agentPath = '/vpmu/agent';

/** Whose drivers the guest image has no need of: the one that boards are preloaded with the guest's kernel of. */
export const defaultKernel = 'debian:trixie';

/** Drivers of the port that the agent is talked to on: modules in Debian's kernels before 6.12. */
export const portModules = ['virtio_pci', 'virtio_console'];

/** Where an image has the modules that its first process loads, in an order in which they can be. */
export const modulesFolder = 'usr/lib/modules/load/';

/** A first process that loads them and becomes the agent. */
export const loaderInit = {
	path: 'vpmu/init',
	mode: 0o755,
	content: [
		'#!/bin/sh',
		'export PATH=/usr/sbin:/usr/bin',
		`for module in /${modulesFolder}*.ko; do insmod "$module"; done`,
		`exec ${agentPath}`,
		'',
	].join('\n'),
};
