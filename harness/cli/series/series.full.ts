import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { cacheRoot } from '../../../src/image/index.ts';
import { unless } from '../../../src/lib/testing/unless.ts';
import { copyCache } from '../../../test/testing/cache.ts';
import { writeFakeSource } from '../../../test/testing/fake-source.ts';
import { temporaryFolder, vpmu } from '../../../test/testing/vpmu.ts';

/** The fake source in a folder of its own; shared folders are laid read-only, and a patch has to apply all the same. */
async function fakeSource(folder: string, main: string): Promise<string> {
	const source = path.join(folder, 'fake-qemu');
	await writeFakeSource(source, main);
	await chmod(path.join(source, 'target/arm/kvm.c'), 0o444);
	await chmod(path.join(source, 'target/arm'), 0o555);
	return source;
}

const patchTo = (before: string, after: string) =>
	`A subject\n\n--- a/target/arm/kvm.c\n+++ b/target/arm/kvm.c\n@@ -1,4 +1,4 @@\n int main(void)\n {\n-\treturn ${before};\n+\treturn ${after};\n }\n`;

test.serial(
	'a wrong source, a wrong patch or one that does not apply: one sentence, status 2, nothing run',
	async t => {
		const folder = await temporaryFolder(t);
		const source = await fakeSource(folder, '0');
		const [fits, strange, text] = ['fits', 'strange', 'text'].map(name => path.join(folder, `${name}.patch`));
		await writeFile(fits!, patchTo('0', '1'));
		await writeFile(strange!, patchTo('7', '8'));
		await writeFile(text!, 'no patch\n');
		// Of its own: others may build in the real one meanwhile.
		const own = await copyCache(path.join(folder, 'cache'));
		const refused = async (argv: string[], message: RegExp) => {
			const { status, stdout, stderr } = await vpmu(['series', ...argv, '--out', path.join(folder, 'out')], {
				env: { ...process.env, VPMU_CACHE: own },
			});
			t.is(status, 2, stderr);
			t.regex(stderr, message);
			t.is(stdout, '');
		};
		await refused([fits!], /needs option '--source'/);
		await refused([fits!, '--source', path.join(folder, 'none')], /there is no '.*none' to build from/);
		await refused([fits!, '--source', folder], /is not a source of QEMU: it has no file 'VERSION'/);
		await refused([text!, '--source', source], /'.*text\.patch' contains no patch/);
		await refused([fits!, '--source', source, '--case', 'no/such'], /unknown case 'no\/such'/);
		await refused(
			[strange!, '--source', source],
			/patch '.*strange\.patch' does not apply to QEMU 10\.9\.9 of '.*': 1 hunk does not fit\n {2}target\/arm\/kvm\.c, hunk 1 of 1 \(line 1\): nearly fits at line 1 \(3 of 4 lines\): line 3 is 'return 0;', not 'return 7;'/,
		);
		// Bad input must not cause a download: the empty cache stays empty.
		const cache = path.join(folder, 'empty-cache');
		const early = await vpmu(['series', text!, '--source', 'debian:trixie'], {
			env: { ...process.env, VPMU_CACHE: cache },
		});
		t.is(early.status, 2, early.stderr);
		t.false(existsSync(path.join(cache, 'packages/sources')));
		t.false(existsSync(path.join(folder, 'out')));
		t.is(await readFile(path.join(source, 'target/arm/kvm.c'), 'utf8'), 'int main(void)\n{\n\treturn 0;\n}\n');
		t.deepEqual(await readdir(path.join(own, 'tmp')), []);
		t.false((await readFile('/proc/self/mounts', 'utf8')).includes(own));
	},
);

test.serial('a series that does not compile fails; a source that does not is the infrastructure', async t => {
	const folder = await temporaryFolder(t);
	const series = path.join(folder, 'series.patch');
	await writeFile(series, patchTo('0', 'missing'));
	const broken = await vpmu(['series', series, '--source', await fakeSource(folder, '0')]);
	t.is(broken.status, 1, broken.stderr);
	t.regex(
		broken.stderr,
		/does not compile with patch '.*series\.patch': target\/arm\/kvm\.c:3:\d+: error: 'missing' undeclared/,
	);

	const other = await temporaryFolder(t);
	await writeFile(series, patchTo('nothing', '0'));
	const unfit = await vpmu(['series', series, '--source', await fakeSource(other, 'nothing')]);
	t.is(unfit.status, 69, unfit.stderr);
	t.regex(unfit.stderr, /does not compile as it stands: target\/arm\/kvm\.c:3:\d+: error: 'nothing' undeclared/);
});

/** Makes a mail of a series that changes the return value of the fake source's program. */
const mailTo = (part: string, title: string, before: string, after: string) =>
	[
		'From 1111111111111111111111111111111111111111 Mon Sep 17 00:00:00 2001',
		...['From: A. Person <a.person@example.org>', `Subject: [PATCH ${part}] ${title}`, '', '---'],
		`${patchTo(before, after).split('\n').slice(2).join('\n')}-- `,
		...['2.43.0', '', ''],
	].join('\n');

test.serial('of a series, the patch that breaks the build is named, and so is one that adds a warning', async t => {
	const folder = await temporaryFolder(t);
	const source = await fakeSource(folder, '0');
	const names = ['0', '1', '3 + 99999999999', 'nothing', '5', '6'];
	const series = path.join(folder, 'series.mbx');
	const mails = names.slice(1).map((name, at) => mailTo(`${at + 1}/5`, `change ${at + 1}`, names[at]!, name));
	await writeFile(series, mails.join(''));
	const each = await vpmu(['series', series, '--source', source, '--build-only', '--each']);
	t.is(each.status, 1, each.stderr);
	t.regex(
		each.stderr,
		/does not compile with patch 3 'change 3' \(.*mail 3\): target\/arm\/kvm\.c:3:\d+: error: 'nothing'/,
	);
	// The last patch fixes the build, so that only a build of each patch shows the failure.
	const whole = await vpmu(['series', series, '--source', source, '--build-only']);
	t.is(whole.status, 0, whole.stderr);
	await writeFile(series, mails.slice(0, 3).join(''));
	const broken = await vpmu(['series', series, '--source', source, '--build-only']);
	t.is(broken.status, 1, broken.stderr);
	t.regex(broken.stderr, /vpmu: .* does not compile with patch 3 'change 3'/);
	await writeFile(series, mails.slice(0, 2).join(''));
	const warned = await vpmu(['series', series, '--source', source, '--build-only', '--each']);
	t.is(warned.status, 0, warned.stderr);
	t.regex(
		warned.stdout,
		/\npatch 1 'change 1': builds\npatch 2 'change 2': builds, with 1 new warning\n {2}target\/arm\/kvm\.c:3:\d+: warning: .*\[-Woverflow\]\n/,
	);
});

test.serial('what a patched build writes into its tree does not reach the next series on the same source', async t => {
	const folder = await temporaryFolder(t);
	const source = await fakeSource(folder, `${process.pid}`);
	const [evil, good] = ['evil', 'good'].map(name => path.join(folder, `${name}.patch`));
	await writeFile(
		evil!,
		'A subject\n\n--- /dev/null\n+++ b/extra\n@@ -0,0 +1 @@\n+x\n--- a/configure\n+++ b/configure\n@@ -1,2 +1,3 @@\n #!/bin/sh\n+echo poison\n cat >build.ninja <<END\n',
	);
	await writeFile(good!, patchTo(`${process.pid}`, '7'));
	for (const patch of [evil!, good!]) {
		const { status, stderr } = await vpmu(['series', patch, '--source', source, '--build-only']);
		t.is(status, 0, stderr);
	}
	const roots = path.join(cacheRoot(process.env), 'roots');
	const trees = (await readdir(roots)).filter(name => name.startsWith('qemu-tree-') && !name.endsWith('.json'));
	const own = [];
	for (const name of trees) {
		const text = await readFile(path.join(roots, name, 'source/target/arm/kvm.c'), 'utf8').catch(() => '');
		if (text.includes(`return ${process.pid};`)) own.push(name);
	}
	t.is(own.length, 1);
	t.false(existsSync(path.join(roots, own[0]!, 'source/extra')));
	t.false((await readFile(path.join(roots, own[0]!, 'source/configure'), 'utf8')).includes('poison'));
});

const [source, patch] = [process.env.VPMU_QEMU_SOURCE, process.env.VPMU_QEMU_SERIES];
const withSource = unless(
	source === undefined || patch === undefined
		? 'VPMU_QEMU_SOURCE and VPMU_QEMU_SERIES name no source and no patch that chooses a PMU'
		: undefined,
	{ serial: true },
);

withSource(
	'the series that chooses a PMU, on the QEMU that it is for: built, run before and after, and compared',
	async t => {
		t.timeout(1_800_000);
		const out = path.join(await temporaryFolder(t), 'out');
		const cases = ['pmu/default-counts', 'choice/source-by-name'].flatMap(name => ['--case', name]);
		const argv = ['series', patch!, '--source', source!, ...cases, '--on', 'board:biglittle', '--out', out];
		const { status, stdout, stderr } = await vpmu(argv, { timeoutMs: 1_500_000 });
		// It keeps the promise for 2.6 to 9.2, but not for 10.0, which QEMU 10.0 offers too.
		t.is(status, 1, stderr);
		t.regex(stdout, /the PMU of guests changes silently in virt-10\.0/);
		const { comparison, exit } = JSON.parse(await readFile(path.join(out, 'series.json'), 'utf8'));
		t.is(exit, 1);
		t.is(comparison.regressions, 0, stdout);
		t.true(
			comparison.changes.some(
				({ id, before, after }: Record<string, string>) =>
					/source-by-name/.test(id!) && before === 'skip' && after === 'pass',
			),
		);
		// What was built is for an arm64 host.
		const { after } = JSON.parse(await readFile(path.join(out, 'series.json'), 'utf8'));
		t.regex(spawnSync('od', ['-An', '-tx2', '-j18', '-N2', after.program]).stdout.toString(), /00b7/);
	},
);
