import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Host, localHost } from '../../../src/host/index.ts';
import { DeadlineError } from '../../../src/lib/index.ts';
import { checkSelftests, runSelftest, selftestsBeside, selftestsIn } from './selftests.ts';

/** A folder with scripts in the place of tests. */
function fakeTests(t: ExecutionContext, scripts: Readonly<Record<string, string>>): string {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-selftests-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	mkdirSync(path.join(folder, 'selftests'));
	for (const [name, text] of Object.entries(scripts))
		writeFileSync(path.join(folder, 'selftests', name), text, { mode: 0o755 });
	return path.join(folder, 'selftests');
}

const run = async (folder: string) => {
	await using host = localHost();
	return await checkSelftests(host, folder, new AbortController().signal);
};

test("the kernel's tests are run with their arguments, and each is judged", async t => {
	const folder = fakeTests(t, {
		vpmu_counter_access:
			'#!/bin/sh\necho "==== Test Assertion Failure ====" >&2; echo "  a.c:5: n == 3" >&2; exit 254\n',
		'get-reg-list':
			'#!/bin/sh\n[ "$* $MALLOC_PERTURB_" = "--config=vregs+pmu 255" ] || exit 1; echo "vregs+pmu: PASS"\n',
	});
	const [first, second, ...others] = await run(folder);
	t.like(first, { id: 'selftest.vpmu_counter_access', status: 'deviates', why: 'a.c:5: n == 3' });
	t.like(second, { id: 'selftest.get-reg-list', status: 'as-ruled', observed: 'ok' });
	t.deepEqual(others, []);
});

test('tests that did not build are a deviation with the first error, and a test that is missing is left out', async t => {
	const [unbuilt] = await run(fakeTests(t, { unbuilt: 'lib/a.c:1: error: b\n\n  CC a\nlib/a.c:1: error: b\n' }));
	t.like(unbuilt, { id: 'selftest.build', status: 'deviates', why: 'lib/a.c:1: error: b' });
	t.is((await run(fakeTests(t, { 'get-reg-list': '#!/bin/sh\n' }))).length, 1);
});

test('tests are found beside an Image; a folder without any is refused', t => {
	const folder = fakeTests(t, { 'get-reg-list': '' });
	t.is(selftestsBeside(path.join(folder, '../Image')), folder);
	t.is(selftestsBeside(path.join(folder, 'Image')), undefined);
	t.is(selftestsBeside('debian:trixie'), undefined);
	t.is(selftestsIn(folder), folder);
	const elsewhere = path.dirname(folder);
	t.throws(() => selftestsIn(elsewhere), { message: /of option '--selftests' has no test of the kernel; allowed: / });
});

test('a test that prints without end has failed, and its output is not kept', async t => {
	await using host = localHost();
	const folder = fakeTests(t, { 'get-reg-list': '#!/bin/sh\nexec yes "ok 1 a"\n' });
	t.deepEqual(await runSelftest(host, folder, 'get-reg-list'), {
		...{ name: 'get-reg-list', status: null, stdout: '' },
		stderr: 'it printed more than 8 MiB\n',
	});
	t.is(await runSelftest(host, folder, 'vpmu_counter_access'), undefined);
});

test("a test runs without root's rights, with /dev/kvm and limits; one that does not end has failed", async t => {
	const folder = fakeTests(t, { 'get-reg-list': '' });
	const given: Parameters<Host['run']>[1][] = [];
	const host = {
		provide: async (file: string) => file,
		run: async (_argv: readonly string[], options: Parameters<Host['run']>[1]) => {
			given.push(options);
			throw new DeadlineError('get-reg-list', options!.timeoutMs!);
		},
	} as unknown as Host;
	const checks = await checkSelftests(host, folder, new AbortController().signal);
	t.like(given[0], { timeoutMs: 900_000, untrusted: { needsKvm: true } });
	t.true(given[0]!.untrusted!.maxFileBytes < 2 ** 30 && given[0]!.maxOutputBytes! < 2 ** 30);
	t.deepEqual(
		checks.map(({ id, status }) => [id, status]),
		[['selftest.get-reg-list', 'deviates']],
	);
	t.regex(checks[0]!.why!, /^get-reg-list: nothing after /);
});
