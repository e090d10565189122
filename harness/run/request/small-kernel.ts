import type { Results } from '../../../src/run/index.ts';
import { defaultKernel } from '../resources/guest-image.ts';

/** Fewer boots are not worth building a kernel for. */
const worthIt = 5;

/**
 * What the small kernel would save, in one line; empty where it is in use, or where little was booted. The figure is measured: a cell
 * on a board took 5.8 to 8.1 s with Debian's kernels, and 3.7 to 5.0 s with the small one.
 */
export function smallKernelHint({ cells }: Pick<Results, 'cells'>): string {
	const booted = cells.filter(({ kernels, timings }) => kernels?.board === defaultKernel && timings.shellMs !== null);
	const withDebian = booted.filter(({ kernels }) => kernels?.guest.source === defaultKernel);
	if (withDebian.length < worthIt) return '';
	return "- '--kernel small --board-kernel small', a kernel of ours that is built once, makes cells on boards some 40 % shorter\n";
}
