import type { Comparison } from '../../../../src/compare/index.ts';
import type { KernelUse } from '../../../../src/patch/index.ts';
import { exitCodes } from '../../../usage/exit-codes.ts';
import { afterwards, type InterfaceChange } from './interface.ts';

/** Says what KVM answers otherwise than before. */
export function describeChange({ worse, changed, unasked }: InterfaceChange): string {
	if (unasked !== null) return `KVM's interface could not be compared: ${unasked}\n`;
	if (changed.length + worse.length === 0) return 'KVM answers as before (vpmu probe --conformance)\n';
	const lines = changed.map(line => `  ${worse.includes(line.split(':', 1)[0]!) ? 'DEVIATES ' : ''}${line}\n`);
	const logged = worse.includes('kernel-log') ? ['  DEVIATES kernel-log: the kernel logged trouble while asked\n'] : [];
	return `KVM answers otherwise than before (vpmu probe --conformance):\n${[...lines, ...logged].join('')}`;
}

export const count = (number: number, one: string, many: string) => `${number} ${number === 1 ? one : many}`;

/** Whose kernel it is, as it stands in a sentence. */
export const inWords: Readonly<Record<KernelUse, string>> = {
	board: 'the board',
	guest: 'the guests',
	both: 'the board and the guests',
};

/**
 * Returns why the series does not pass: failures that it causes, or regressions. Failures that occur without it too are
 * not its fault.
 */
export function verdict(
	[before, after]: readonly number[],
	{ regressions }: Comparison,
	warnings: number,
	change: InterfaceChange | undefined,
) {
	const worse = change?.worse ?? [];
	const failures = [
		...(worse.length === 0 ? [] : [`KVM does not answer as its source says (kernel): ${worse.join(', ')}`]),
		...(after === exitCodes.failed ? ['cells fail with it'] : []),
		...(regressions > 0 ? [`${count(regressions, 'cell', 'cells')} became worse`] : []),
	];
	const told = warnings === 0 ? [] : [count(warnings, 'new warning of the compiler', 'new warnings of the compiler')];
	if (failures.length > 0) return { code: exitCodes.failed, why: [...failures, ...told] };
	if (change?.unasked?.startsWith(afterwards)) {
		return { code: exitCodes.infrastructure, why: [`KVM could not be asked ${change.unasked}`, ...told] };
	}
	if (after === exitCodes.infrastructure || before === exitCodes.infrastructure) {
		return { code: exitCodes.infrastructure, why: ['the infrastructure failed, so that it is not known'] };
	}
	return { code: exitCodes.asPredicted, why: ['with it all is as predicted, and nothing became worse', ...told] };
}
