import { command } from '../command.ts';
import { seriesOptions } from './options.ts';

export const series = command({
	summary: 'a series for QEMU or Linux: build before and after, compare',
	details:
		'Validate a patch series for QEMU or Linux: builds the source without and with the patches, for arm64 hosts with KVM, runs the same cells on both builds, and compares. Patches for QEMU and for Linux on one command line are tried together, each with its source. The source is not changed; the builds are kept.',
	usage:
		'PATCH... --source DIR|TARBALL|debian:SUITE [--source ...] [--as board|guest|both] [--case CASE]... [--out DIR] [--on WHERE] [--json]',
	options: seriesOptions,
	positionals: { maximum: 999 },
	load: async () => (await import('./series.ts')).series,
});
