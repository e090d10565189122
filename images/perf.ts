import type { RecipeStub } from '../src/image/index.ts';

/**
 * Libraries that Debian's perf is linked against but does not use to count and sample. With their dependencies they
 * make up four fifths of perf's dependencies. perf itself stays byte for byte Debian's.
 */
export const perfStubs: readonly RecipeStub[] = [
	{ soname: 'libpython3.', feature: 'perf script in Python' },
	{ soname: 'libperl.so.', feature: 'perf script in Perl' },
	{ soname: 'libslang.so.', feature: "perf's full-screen interface (use --stdio)" },
	{ soname: 'libbabeltrace-ctf.so.', feature: 'perf data convert --to-ctf' },
	{ soname: 'libopencsd_c_api.so.', feature: 'decoding CoreSight traces' },
	{ soname: 'libdebuginfod.so.', feature: 'fetching debug information from servers' },
	{ soname: 'libcapstone.so.', feature: 'disassembling in perf' },
	{ soname: 'libpfm.so.', feature: 'event names of libpfm4 (--pfm-events)' },
	// Without it, C++ names are shown mangled.
	{ soname: 'libstdc++.so.', feature: 'C++', zero: ['__cxa_demangle'] },
];

/** A full-screen interface is useless on a serial console, so its library is left out. */
export const perfConfig = `[tui]
	report = off
	annotate = off
	top = off
`;
