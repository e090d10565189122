import test from 'ava';
import { plainHost } from '../testing/hosts.ts';
import { loaderComplaint } from './loader.ts';
import { startProcess } from './process.ts';

const complaints = {
	'glibc: a library': [
		'q: error while loading shared libraries: libfdt.so.1: cannot open shared object file: No such file or directory',
	],
	'glibc: a library for another machine': [
		'q: error while loading shared libraries: libfdt.so.1: wrong ELF class: ELFCLASS32',
	],
	'glibc: a library cut short': ['q: error while loading shared libraries: /x/libfdt.so.1: file too short'],
	'glibc: a library for another CPU': [
		'/x/q: error while loading shared libraries: libz.so.1: CPU ISA level is lower than required',
	],
	'glibc: a version of itself': [
		"/opt/q: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.42' not found (required by /opt/q)",
		"/opt/q: /lib/x86_64-linux-gnu/libm.so.6: version `GLIBC_2.43' not found (required by /opt/q)",
	],
	'glibc: a symbol': ['/opt/q: symbol lookup error: /opt/q: undefined symbol: nettle_x, version NETTLE_8'],
	'glibc: a symbol of a version': [
		'/opt/q: relocation error: /opt/q: symbol x, version V_2 not defined in file liby.so.1 with link time reference',
	],
	'glibc: its own disorder': [
		"Inconsistency detected by ld.so: dl-version.c: 224: _dl_check_map_versions: Assertion `needed != NULL' failed!",
	],
	'glibc: the kernel': ['FATAL: kernel too old'],
	'glibc: the CPU': ['Fatal glibc error: CPU does not support x86-64-v3'],
	'glibc: the program': ['/lib/ld-linux-aarch64.so.1: cannot execute /opt/q: No such file or directory'],
	'musl: a library': ['Error loading shared library libfdt.so.1: No such file or directory (needed by /opt/q)'],
	'musl: a library for another machine': ['Error loading shared library libz.so: Exec format error (needed by /opt/q)'],
	'musl: a symbol': ['Error relocating /opt/q: fdt_check_header: symbol not found'],
	'musl: a relocation': ['Error relocating /opt/q: unsupported relocation type 37'],
	'musl: the program': ['/lib/ld-musl-aarch64.so.1: cannot load /opt/q: No such file or directory'],
	'musl: a program that is none': ['/lib/ld-musl-aarch64.so.1: /opt/q: Not a valid dynamic program'],
	'musl: memory': ['/opt/q: Error getting 4096 bytes thread-local storage: Out of memory'],
	'uClibc: a library': ["/opt/q: can't load library 'libfdt.so.1'"],
	'uClibc: a symbol': ["/opt/q: can't resolve symbol 'fdt_open' in lib '/opt/q'."],
	'bionic: a library': ['CANNOT LINK EXECUTABLE "/opt/q": library "libfdt.so" not found: needed by main executable'],
	'QEMU 5.2: a module of another build': [
		'Failed to initialize module: /usr/lib/qemu/accel-tcg-aarch64.so',
		'Note: only modules from the same build can be loaded.',
	],
	'QEMU 10: a module of another build': [
		'q: failed to initialize module: /usr/lib/qemu/accel-tcg-aarch64.so',
		'Only modules from the same build can be loaded.',
		'q: -accel tcg: invalid accelerator tcg',
	],
	'QEMU: a module without a symbol': [
		'q: failed to open module: /usr/lib/qemu/hw-display-virtio-gpu.so: undefined symbol: virtio_gpu_base_reset',
		"q: -device virtio-gpu-pci: 'virtio-gpu-pci' is not a valid device model name",
	],
	'QEMU: a module that may not be read': ['q: error trying to access /usr/lib/qemu/ui-core.so: Permission denied'],
	'QEMU: a module for another target': ["q: module arch does not match: expected 'aarch64', got 'x86_64'"],
	'QEMU: a parent type in a module that is missing': ["missing object type 'virtio-gpu-device'", 'Aborted'],
	'a shell: another machine': ['/opt/wrapper: line 3: /opt/q: cannot execute binary file: Exec format error'],
	'a shell: no loader': ['/opt/wrapper: line 3: /opt/q: cannot execute: required file not found'],
	'a shell: no interpreter': ['bash: /opt/q: /usr/bin/python9: bad interpreter: No such file or directory'],
	'qemu-user: no loader': ["qemu-aarch64: Could not open '/lib/ld-linux-aarch64.so.1': No such file or directory"],
};

for (const [name, lines] of Object.entries(complaints))
	test(`a loader's message is recognised: ${name}`, t => {
		t.is(loaderComplaint(lines, false), lines[0]);
		t.is(loaderComplaint(['q: warning: nic has no peer', ...lines], false), lines[0]);
	});

const others = {
	'a loader that goes on': ['/opt/q: /usr/lib/libfdt.so.1: no version information available (required by /opt/q)'],
	'a library that is not preloaded': [
		"ERROR: ld.so: object 'x.so' from LD_PRELOAD cannot be preloaded (wrong ELF class: ELFCLASS32): ignored.",
	],
	'a module that was not needed, and another cause': [
		'q: failed to open module: /usr/lib/qemu/ui-gtk.so: undefined symbol: gtk_x',
		'q: -machine foo: unsupported machine type',
	],
	'a damaged heap': ['Fatal glibc error: malloc.c:2599 (sysmalloc): assertion failed: (old_top == initial_top (av))'],
	'a file that is not there': ['q: could not load kernel /boot/x: No such file or directory'],
	'QEMU itself': ['q: -accel kvm: Could not access KVM kernel module: No such file or directory'],
};
for (const [name, lines] of Object.entries(others))
	test(`other output is not taken for a loader's message: ${name}`, t => {
		t.is(loaderComplaint(lines, false), undefined);
	});

test("if the loader refuses a program, the host is to blame, with the loader's message", async t => {
	const ended = async (script: string) => {
		await using qemu = await startProcess(plainHost(), ['sh', '-c', script]);
		return await qemu.deathError('starting');
	};
	for (const lines of Object.values(complaints)) {
		const script = `${lines.map(line => `echo "${line.replace(/["`$\\]/g, '\\$&')}" >&2`).join('\n')}`;
		for (const status of [1, 127]) {
			const error = await ended(`${script}\nexit ${status}`);
			t.like(error, { blame: 'host', failure: 'missing-library' });
			t.true(error.evidence.includes(lines[0]!), error.evidence.join('\n'));
			t.regex(error.message, /^sh (cannot be run on local: |needs the shared library )/);
		}
	}
	t.like(await ended('echo "exec: /opt/real/qemu: not found" >&2; exit 127'), { blame: 'host' });
	t.like(await ended('echo "qemu: -machine foo: unsupported machine type" >&2; exit 1'), { blame: 'qemu' });
	t.like(await ended('exit 3'), { blame: 'qemu', failure: 'exited' });
});
