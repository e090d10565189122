import { accessSync, constants, existsSync, readdirSync, statfsSync } from 'node:fs';
import { freemem } from 'node:os';
import path from 'node:path';
import {
	cacheRecordShape,
	cacheRoot,
	listPins,
	type PinSummary,
	type SandboxRefusal,
	sandboxRefusal,
	smallKernelLabel,
} from '../../../src/image/index.ts';
import { makeFolderSync, messageOf, readStoredSync } from '../../../src/lib/index.ts';
import { wordsOfPins } from '../../../src/report/index.ts';
import { localKvm } from '../../plan/select.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import type { Finding } from './finding.ts';
import type { doctorOptions } from './options.ts';
import { packageFindings } from './packages.ts';
import { commandFor, programs } from './programs.ts';

const gibibyte = 2 ** 30;

/**
 * Checks this machine; starts nothing and writes only to the cache folder.
 * @param isFilled whether the cache has all that a default run takes from it, so that it need not grow much
 */
export function examine(env: Readonly<Record<string, string | undefined>>, isFilled: boolean): Finding[] {
	const findings: Finding[] = [];
	const major = Number(process.versions.node.split('.')[0]);
	findings.push(
		major >= 24
			? { state: 'ok', what: `Node.js ${process.version}` }
			: { state: 'missing', what: `Node.js 24 (this is ${process.version})`, remedy: 'npm ci' },
	);
	const folders = [...(env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'].filter(Boolean);
	const placeOf = (program: string) => folders.map(folder => path.join(folder, program)).find(isExecutable);
	for (const program of Object.keys(programs)) {
		const found = placeOf(program);
		findings.push(
			found === undefined
				? { state: 'missing', what: program, remedy: commandFor(program, one => placeOf(one) !== undefined) }
				: { state: 'ok', what: `${program} (${found})` },
		);
	}
	const root = cacheRoot(env);
	try {
		makeFolderSync(root);
		accessSync(root, constants.W_OK);
		const { bavail, bsize } = statfsSync(root);
		const free = (bavail * bsize) / gibibyte;
		findings.push(
			free >= 6
				? { state: 'ok', what: `cache ${root} (${free.toFixed(0)} GiB free)` }
				: {
						state: isFilled && free >= 1 ? 'note' : 'missing',
						what: `6 GiB free for the cache ${root} (${free.toFixed(1)} GiB free)`,
						remedy: 'vpmu image prune, or VPMU_CACHE=/another/folder',
					},
		);
	} catch (error) {
		findings.push({
			state: 'missing',
			what: `a cache folder: ${(error as Error).message}`,
			remedy: 'VPMU_CACHE=/a/folder/of/yours',
		});
	}
	if (!localKvm()) findings.push(smallKernelFinding(root));
	const memory = freemem() / gibibyte;
	findings.push(
		memory >= 4
			? { state: 'ok', what: `${memory.toFixed(0)} GiB of memory free` }
			: {
					state: 'note',
					what: `${memory.toFixed(1)} GiB of memory free; a board takes 3 GiB`,
					remedy: 'boards that do not fit wait for one another; --jobs 1 for guests',
				},
	);
	findings.push(
		localKvm()
			? { state: 'ok', what: 'KVM/arm64 on this machine: guests run here' }
			: { state: 'note', what: whyNoKvm(), remedy: 'guests run on an emulated board; or name a host: --on ssh://HOST' },
	);
	return findings;
}

/** Whether the small kernel is built, which most runs on boards are shorter with. */
function smallKernelFinding(root: string): Finding {
	const folder = path.join(root, 'kernels');
	const names = existsSync(folder) ? readdirSync(folder).filter(name => /^linux-.*\.json$/.test(name)) : [];
	const labels = names.map(name => {
		const record = readStoredSync(path.join(folder, name), cacheRecordShape);
		return record.state === 'ok' ? (record.value.label ?? '') : '';
	});
	if (labels.some(label => smallKernelLabel.test(label))) {
		return { state: 'ok', what: "the small kernel is built ('--kernel small --board-kernel small')" };
	}
	return {
		state: 'note',
		what: "the small kernel is not built: with it cells on boards are some 40 % shorter, and a board's first start takes half the time",
		remedy: "'--kernel small --board-kernel small' builds it once, in some 5 minutes",
	};
}

/** Of which day the versions of Debian's packages are; a note if some are old or come without security fixes. */
export function packageAge(pins: readonly PinSummary[], now: number): Finding[] {
	if (pins.length === 0) return [];
	const { text, stale, remedy } = wordsOfPins(pins, now);
	return stale ? [{ state: 'note', what: text, remedy }] : [{ state: 'ok', what: text }];
}

function whyNoKvm(): string {
	if (process.arch !== 'arm64') return `this machine is ${process.arch}: no KVM for arm64 guests`;
	return existsSync('/dev/kvm')
		? '/dev/kvm cannot be opened (sudo usermod -aG kvm $USER, then log in again)'
		: 'no /dev/kvm';
}

function isExecutable(file: string): boolean {
	try {
		accessSync(file, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

/** `vpmu doctor`. */
export async function doctor(context: CommandContext, { options }: Given<typeof doctorOptions>): Promise<number> {
	const { stdout, env } = context;
	const refusal = await sandboxRefusal().catch((error): SandboxRefusal => ({ reason: messageOf(error), remedy: '' }));
	const packages = await packageFindings(context);
	const findings: Finding[] = [
		...examine(env, packages.isFilled),
		refusal === undefined
			? { state: 'ok', what: "a sandbox for builds ('vpmu series')" }
			: { state: 'note', what: `no sandbox, so no builds ('vpmu series'): ${refusal.reason}`, remedy: refusal.remedy },
		...packages.findings,
		...packageAge(await listPins(cacheRoot(env)), Date.now()),
	];
	if (options.json) stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
	else {
		for (const { state, what, remedy } of findings) {
			stdout.write(`${state.padEnd(8)} ${what}${remedy === undefined ? '' : `\n         -> ${remedy}`}\n`);
		}
	}
	return findings.some(finding => finding.state === 'missing') ? exitCodes.infrastructure : exitCodes.asPredicted;
}
