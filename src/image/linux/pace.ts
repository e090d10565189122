import type { KernelConfig } from './config.ts';

/**
 * How many times slower each check of its own defects makes a kernel. Rough, and rather too high: the factors only extend deadlines
 * that end hangs.
 */
const costs: Readonly<Record<string, number>> = {
	KASAN: 4,
	KCSAN: 6,
	PROVE_LOCKING: 2,
	UBSAN: 1.5,
	DEBUG_KMEMLEAK: 1.5,
	DEBUG_OBJECTS: 1.5,
	DEBUG_PAGEALLOC: 1.5,
	SLUB_DEBUG_ON: 1.5,
};

/** Beyond that something else is wrong. */
const most = 20;

/**
 * Returns the factor by which deadlines grow with a kernel of this configuration: 1 for one that does not look for its own defects, or
 * whose configuration is not known.
 */
export function slownessOfKernel(config: KernelConfig | undefined): number {
	if (config === undefined) return 1;
	const factors = Object.entries(costs).map(([symbol, cost]) => (config.get(symbol) === 'y' ? cost : 1));
	return Math.min(
		most,
		factors.reduce((product, factor) => product * factor, 1),
	);
}
