import { UsageError } from '../../lib/errors.ts';
import { type KernelUse, lackingSymbols } from '../linux/config.ts';
import type { Kernel } from './kernel.ts';

/**
 * Refuses a kernel that by its configuration cannot be a board or boot a guest: otherwise it would be waited for in vain. A kernel
 * whose configuration is not known is not judged.
 *
 * @throws UsageError that names what it lacks
 */
export function requireUsable({ label, release, config, modules }: Kernel, use: KernelUse): void {
	if (config === undefined) return;
	const lacking = lackingSymbols(config, use, modules !== null);
	if (lacking.length === 0) return;
	const names = lacking.map(({ symbol, what, isModule }) =>
		isModule ? `CONFIG_${symbol} is a module (${what})` : `CONFIG_${symbol} is off (${what})`,
	);
	const isFound = lacking.some(({ isModule }) => isModule) && modules === null;
	const where = isFound ? `; its modules were looked for beside it, in lib/modules/${release || 'RELEASE'}` : '';
	const as = use === 'board' ? 'be the kernel of a board' : 'boot a guest';
	throw new UsageError(`the kernel '${label}' cannot ${as}: ${names.join(', ')}${where}`);
}
