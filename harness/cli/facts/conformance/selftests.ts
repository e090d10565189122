import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Host } from '../../../../src/host/index.ts';
import { pmuSelftests, unbuiltSelftests } from '../../../../src/image/index.ts';
import { DeadlineError, lastLinesOf, readGiven, UsageError } from '../../../../src/lib/index.ts';
import { type Conformance, selftestCheck } from '../../../../src/pmu/index.ts';

type Check = Conformance['checks'][number];

/** A board runs them at a hundredth of the speed of a host. */
const testMs = 900_000;

/** Returns the folder of the kernel's own tests beside an Image that vpmu built; `undefined` if there is none, as for a name such as `small`. */
export function selftestsBeside(image: string): string | undefined {
	const folder = path.join(path.dirname(image), 'selftests');
	return path.isAbsolute(image) && existsSync(folder) ? folder : undefined;
}

/** Checks the folder that `--selftests` names. @throws UsageError if none of the tests is there */
export function selftestsIn(folder: string): string {
	const names = [unbuiltSelftests, ...pmuSelftests.map(({ name }) => name)];
	if (names.some(name => existsSync(path.join(folder, name)))) return folder;
	const allowed = `a folder with ${pmuSelftests.map(({ name }) => name).join(' or ')}, as 'vpmu kernel build --selftests' makes`;
	throw new UsageError(`'${folder}' of option '--selftests' has no test of the kernel; allowed: ${allowed}`);
}

/** Runs the kernel's own tests on a host, one after another, and judges each. */
export async function runSelftests(host: Host, folder: string, signal: AbortSignal): Promise<Check[]> {
	const unbuilt = path.join(folder, unbuiltSelftests);
	if (existsSync(unbuilt)) {
		return [
			{
				...{ id: 'selftest.build', what: "the build of the kernel's own tests", where: 'tools/testing/selftests/kvm' },
				...{ since: '4.20', expected: 'ok', observed: 'not ok', status: 'deviates' },
				why: lastLinesOf((await readGiven(unbuilt, signal)).toString('utf8', 0, 4096), 1)[0] ?? 'it says no reason',
			},
		];
	}
	const checks: Check[] = [];
	for (const { name, argv } of pmuSelftests) {
		const program = path.join(folder, name);
		if (!existsSync(program)) continue;
		const at = await host.provide(program);
		const ended = await host.run([at, ...argv], { timeoutMs: testMs, signal }).catch(error => {
			if (!(error instanceof DeadlineError)) throw error;
			return { status: null, stdout: Buffer.alloc(0), stderr: Buffer.from(error.message) };
		});
		const text = (bytes: Buffer) => bytes.toString('utf8', 0, Math.min(bytes.length, 1 << 20));
		checks.push(selftestCheck({ name, status: ended.status, stdout: text(ended.stdout), stderr: text(ended.stderr) }));
	}
	return checks;
}
