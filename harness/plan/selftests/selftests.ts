import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Host, HostError } from '../../../src/host/index.ts';
import { pmuSelftests, unbuiltSelftests } from '../../../src/image/index.ts';
import { DeadlineError, lastLinesOf, readGiven, UsageError } from '../../../src/lib/index.ts';
import {
	type Conformance,
	type EndedSelftest,
	judgeSelftest,
	type SelftestObservation,
	selftestCheck,
} from '../../../src/pmu/index.ts';

type Check = Conformance['checks'][number];

/** Names of the kernel's own tests that vpmu runs. */
export const selftestNames: readonly string[] = pmuSelftests.map(({ name }) => name);

/** Boards run them at a hundredth of a host's speed. */
const testMs = 900_000;

/** A test that prints more is not read to its end. */
const mostBytes = 8 * 1024 ** 2;

/** The text of each stream that is judged and kept. */
const keptBytes = 1 << 20;

/** A test is built from patches that anybody may have written: it runs without root's rights, and opens /dev/kvm. */
const untrusted = { maxFileBytes: 16 * 1024 ** 2, needsKvm: true };

/** Returns the folder of the kernel's own tests beside an Image that vpmu built; `undefined` if there is none, as for a name such as `small`. */
export function selftestsBeside(image: string): string | undefined {
	const folder = path.join(path.dirname(image), 'selftests');
	return path.isAbsolute(image) && existsSync(folder) ? folder : undefined;
}

/** Checks the folder that `--selftests` names. @throws UsageError if none of the tests is there */
export function selftestsIn(folder: string): string {
	const names = [unbuiltSelftests, ...selftestNames];
	if (names.some(name => existsSync(path.join(folder, name)))) return path.resolve(folder);
	const allowed = `a folder with ${selftestNames.join(' or ')}, as 'vpmu kernel build --selftests' makes`;
	throw new UsageError(`'${folder}' of option '--selftests' has no test of the kernel; allowed: ${allowed}`);
}

/** Why the tests of a folder could not be built: the first error; `undefined` if they were. */
export async function whyUnbuilt(folder: string, signal?: AbortSignal): Promise<string | undefined> {
	const unbuilt = path.join(folder, unbuiltSelftests);
	if (!existsSync(unbuilt)) return undefined;
	const [reason = ''] = (await readGiven(unbuilt, signal)).toString('utf8', 0, 4096).split('\n');
	return lastLinesOf(reason, 1)[0] ?? 'it says no reason';
}

/**
 * With these, malloc() of glibc returns memory that is 0 (mallopt(3), M_PERTURB), also where it was used before. get-reg-list of Linux
 * 6.1 appends the names of its configurations to memory that it has not written, and then knows none by its name.
 */
const clearMemory = ['MALLOC_PERTURB_=255', 'GLIBC_TUNABLES=glibc.malloc.tcache_count=0'];

/**
 * Runs one of the kernel's own tests on a host. A test that prints without end has failed.
 * @returns `undefined` if the folder does not have it: this kernel is older than the test
 * @throws DeadlineError; HostError
 */
export async function runSelftest(
	host: Host,
	folder: string,
	name: string,
	wait: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<EndedSelftest | undefined> {
	const { argv = [], about } = pmuSelftests.find(one => one.name === name) ?? {};
	const program = path.join(folder, name);
	if (!existsSync(program)) return undefined;
	const at = await host.provide(program);
	const text = (bytes: Buffer) => bytes.toString('utf8', 0, Math.min(bytes.length, keptBytes));
	try {
		const ended = await host.run(['env', ...clearMemory, at, ...argv], {
			timeoutMs: testMs,
			...wait,
			maxOutputBytes: mostBytes,
			untrusted,
		});
		const part = about === undefined ? {} : { about };
		return { name, ...part, status: ended.status, stdout: text(ended.stdout), stderr: text(ended.stderr) };
	} catch (error) {
		if (!(error instanceof HostError) || error.failure !== 'output') throw error;
		return { name, status: null, stdout: '', stderr: `it printed more than ${mostBytes / 1024 ** 2} MiB\n` };
	}
}

/** Runs the kernel's own tests on a host, one after another, and judges each as a check of `vpmu probe --conformance`. */
export async function checkSelftests(host: Host, folder: string, signal: AbortSignal): Promise<Check[]> {
	const why = await whyUnbuilt(folder, signal);
	if (why !== undefined) {
		return [
			{
				...{ id: 'selftest.build', what: "the build of the kernel's own tests", where: 'tools/testing/selftests/kvm' },
				...{ since: '4.20', expected: 'ok', observed: 'not ok', status: 'deviates', why },
			},
		];
	}
	const checks: Check[] = [];
	for (const name of selftestNames) {
		const ended = await runSelftest(host, folder, name, { signal }).catch((error): EndedSelftest => {
			if (!(error instanceof DeadlineError)) throw error;
			return { name, status: null, stdout: '', stderr: error.message };
		});
		if (ended !== undefined) checks.push(selftestCheck(ended));
	}
	return checks;
}

/** Makes the observation of a cell whose test could not be built. */
export function unbuiltObservation(name: string, why: string): SelftestObservation {
	return judgeSelftest({ name, status: null, stdout: '', stderr: `it could not be built: ${why}` });
}
