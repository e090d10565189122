import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { localHost } from '../../../src/host/index.ts';
import { debianQemu, hostArchitecture, openCache } from '../../../src/image/index.ts';
import { quoteCommand } from '../../../src/lib/index.ts';
import { unless } from '../../../src/lib/testing/unless.ts';
import { shellLine } from '../../testing/shell-line.ts';
import { readRun, temporaryFolder, type VpmuEnd, vpmu } from '../../testing/vpmu.ts';
import { type FaultName, type FaultRow, faults } from '../table.ts';

/** The tools for producing a fault. */
export interface FaultSetting {
	/** Temporary folder of the test. */
	readonly folder: string;
	/** Runs vpmu on the cases of this folder (`cases: null`: the shipped cases), with the run folder in `folder`. */
	run(
		argv: readonly string[],
		options?: {
			env?: NodeJS.ProcessEnv;
			cases?: string | null;
			out?: string;
			/** The rest of the shell line: redirections, a pipe. */
			rest?: string;
		},
	): Promise<VpmuEnd>;
	/** Makes a script that stands in for QEMU; `$QEMU` in it is a real one. */
	script(text: string): Promise<string>;
}

/** Declares the test of one row: `produce` causes the fault, and the result is compared with the row. */
export function fault(
	name: FaultName,
	produce: (setting: FaultSetting, t: ExecutionContext) => Promise<VpmuEnd | string>,
	/** Why the fault cannot be produced here, if so. */
	impossible?: string,
): void {
	unless(impossible, { serial: true })(`fault: ${name}`, async t => {
		const folder = await temporaryFolder(t);
		let runFolder = path.join(folder, 'run');
		const end = await produce(
			{
				folder,
				script: text => script(folder, text),
				run: (argv, { env = {}, cases = 'test/faults/testing/cases', out = runFolder, rest } = {}) => {
					runFolder = out;
					const words = ['run', '--out', out, ...argv];
					const given = { VPMU_FAULT_FOLDER: folder, ...(cases === null ? {} : { VPMU_CASES: cases }), ...env };
					return rest === undefined ? vpmu(words, { env: given }) : shellLine(words, rest, given);
				},
			},
			t,
		);
		if (typeof end === 'string') {
			t.fail(end);
			return;
		}
		compare(t, faults[name], end, runFolder);
	});
}

function compare(t: ExecutionContext, row: FaultRow, end: VpmuEnd, runFolder: string): void {
	const all = `${end.stdout}\n${end.stderr}`;
	t.is(end.status, row.exit, all);
	const { results, cell } = readRun(runFolder);
	if (row.status === null)
		t.is(results?.cells.some(one => one.status === 'pass' || one.status === 'fail') ?? false, false);
	else if (results !== undefined) {
		t.is(cell.status, row.status, all);
		t.is(cell.blame, row.blame, all);
	}
	t.true(`${cell?.reason}\n${all}`.includes(row.says), `'${row.says}' in:\n${cell?.reason}\n${all}`);
}

async function script(folder: string, text: string): Promise<string> {
	const { root, command } = await debianQemu(await openCache(), 'trixie', hostArchitecture());
	const [file, copy] = [path.join(folder, 'qemu'), path.join(folder, 'root')];
	// What a wrapper names has to be open to others, which root's cache is not.
	await using host = localHost();
	await host.run([
		'sh',
		'-c',
		'chmod 755 -- "$1" && { cp -al -- "$2" "$3" || cp -a -- "$2" "$3"; }',
		'sh',
		folder,
		root,
		copy,
	]);
	await writeFile(file, `#!/bin/sh\n${text.replaceAll('$QEMU', quoteCommand(command(copy)))}\n`);
	await chmod(file, 0o755);
	return file;
}
