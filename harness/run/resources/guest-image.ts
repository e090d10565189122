/** The guest's first process, which serves commands (images/tools/agent). */
export const agentPath = '/vpmu/agent';

/** The package whose drivers the guest image does not need: the kernel that boards load in advance. */
export const defaultKernel = 'debian:trixie';

/** Drivers of the port used to talk to the agent; modules in Debian's kernels before 6.12. */
export const portModules = ['virtio_pci', 'virtio_console'];

/** Folder of the modules that an image's first process loads, named in loading order. */
export const modulesFolder = 'usr/lib/modules/load/';

/** A first process that loads the modules and then becomes the agent. */
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
