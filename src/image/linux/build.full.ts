import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { dir } from 'tmp-promise';
import { openCache } from '../index.ts';
import { PatchRefused } from '../series/apply.ts';
import { type BuiltLinuxSeries, buildLinuxSeries } from './build.ts';
import { LinuxBuildFailure } from './compile.ts';
import { requestedConfig } from './requested.ts';
import { openLinuxSource } from './source.ts';
import { writeFakeLinux } from './testing/fake-linux.ts';

/** Makes a source that looks like Linux, and a cache that shares this machine's packages. */
async function fakeSource(t: ExecutionContext) {
	const { path: folder, cleanup } = await dir({ prefix: 'vpmu-linux-', unsafeCleanup: true });
	t.teardown(cleanup);
	const place = path.join(folder, 'linux');
	writeFakeLinux(place, `int counters_of_${path.basename(folder).replaceAll('-', '_')};\n`);
	const cache = await openCache();
	const build = async (...patches: string[]): Promise<BuiltLinuxSeries> =>
		await buildLinuxSeries(cache, {
			source: await openLinuxSource(place),
			config: await requestedConfig('small'),
			files: patches.map((text, at) => ({ name: `${at}.patch`, content: Buffer.from(text) })),
		});
	const pmu = path.join(place, 'arch/arm64/kvm/pmu-emul.c');
	const patchTo = (text: string) =>
		`--- a/arch/arm64/kvm/pmu-emul.c\n+++ b/arch/arm64/kvm/pmu-emul.c\n@@ -1 +1 @@\n-${readFileSync(pmu, 'utf8')}+${text}\n`;
	return { place, pmu, cache, build, patchTo };
}

const text = (file: string) => readFileSync(file, 'utf8');

test.serial('a kernel is built once for its content, and after a change only that file is built again', async t => {
	const { pmu, build } = await fakeSource(t);
	const first = await build();
	t.is(text(first.after.image), text(pmu));
	t.false(first.after.fromCache);
	t.is(first.after.version, '6.99.1');
	t.true((await build()).after.fromCache);
	const old = text(pmu);
	writeFileSync(pmu, 'int changed;\n');
	const second = await build();
	t.is(text(second.after.image), 'int changed;\n');
	t.regex(text(second.after.log), /CC {6}arch\/arm64\/kvm\/pmu-emul\.c/);
	writeFileSync(pmu, old);
	const third = await build();
	t.true(third.after.fromCache);
	t.is(third.after.image, first.after.image);
});

test.serial(
	'a patched kernel is built from a copy of the unpatched build, and its new warnings are reported',
	async t => {
		const { pmu, build, patchTo } = await fakeSource(t);
		const patch = patchTo('int patched;');
		const { before, after, touched, warnings } = await build(patch);
		t.is(text(before.image), text(pmu));
		t.is(text(after.image), 'int patched;\n');
		t.deepEqual(touched, ['arch/arm64/kvm/pmu-emul.c']);
		t.deepEqual(warnings, ['arch/arm64/kvm/pmu-emul.c:1:2: warning: int patched;']);
		t.true((await build(patch)).after.fromCache);
	},
);

test.serial(
	'a patch that does not apply is refused before anything is built; one that does not compile fails the series',
	async t => {
		const { build, patchTo } = await fakeSource(t);
		await t.throwsAsync(build(patchTo('x').replace(/^-int .*$/m, '-int other;')), { instanceOf: PatchRefused });
		const failure = await t.throwsAsync(build(patchTo('broken')), { instanceOf: LinuxBuildFailure });
		t.false(failure.unpatched);
		t.is(failure.blame, 'kernel');
		t.regex(failure.message, /does not compile: arch\/arm64\/kvm\/pmu-emul\.c:1:1: error: broken$/);
	},
);

test.serial('each patch is built on its own, and one that does not compile is named by its number', async t => {
	const { place, cache, patchTo } = await fakeSource(t);
	const second = (text: string) => patchTo(text).replace(/^-int .*$/m, '-int first;');
	const build = async (texts: readonly string[], each = true) =>
		await buildLinuxSeries(cache, {
			...{ source: await openLinuxSource(place), config: await requestedConfig('small'), each },
			files: texts.map((content, at) => ({ name: `${at}.patch`, content: Buffer.from(content) })),
		});
	const { steps, after } = await build([patchTo('int first;'), second('int second;')]);
	t.deepEqual(
		steps.map(({ built, patches }) => [text(built.image), patches.length]),
		[
			['int first;\n', 1],
			['int second;\n', 1],
		],
	);
	t.is(after.image, steps[1]!.built.image);
	// Without `each` it is found too.
	for (const each of [true, false]) {
		const failure = await t.throwsAsync(build([patchTo('int first;'), second('broken')], each), {
			instanceOf: LinuxBuildFailure,
		});
		t.regex(failure.message, /with patch 2 '.*' does not compile: .*error: broken$/);
	}
});

test.serial('a hostile patch cannot affect the source or later builds', async t => {
	const { place, pmu, cache, build, patchTo } = await fakeSource(t);
	const hostile = [
		patchTo('int hostile;'),
		'--- a/hostile.sh\n+++ b/hostile.sh\n@@ -1 +1,3 @@\n-true\n+echo taken >/mnt/source/Makefile\n+echo taken >/mnt/out/Module.symvers\n+echo taken >/mnt/out/taken; true\n',
	].join('');
	const first = await build(hostile);
	t.is(text(first.after.image), 'int hostile;\n');
	t.true(readFileSync(path.join(place, 'Makefile'), 'utf8').startsWith('VERSION'));
	const next = await build(patchTo('int next;'));
	t.is(text(next.after.image), 'int next;\n');
	const trees = readdirSync(cache.folder('builds')).filter(name => !name.endsWith('.json'));
	for (const tree of trees) {
		for (const name of readdirSync(path.join(cache.folder('builds'), tree))) {
			t.false(existsSync(path.join(cache.folder('builds'), tree, name, 'out/taken')), name);
		}
	}
	t.is(text(pmu), text(next.before.image));
});

test.serial('a partial build left by a kill is made again', async t => {
	const { place, pmu, cache, build } = await fakeSource(t);
	const first = await build();
	const record = JSON.parse(text(`${path.dirname(first.after.image)}.json`)) as { label: string };
	t.regex(record.label, /^Linux 6\.99\.1 built from linux \(small\)$/);
	const [tree] = readdirSync(cache.folder('builds')).filter(name => {
		const state = path.join(cache.folder('builds'), name, 'state.json');
		return (
			existsSync(state) && text(state).includes(createHash('sha256').update('file\0').update(text(pmu)).digest('hex'))
		);
	});
	const folder = path.join(cache.folder('builds'), tree!);
	const [mark] = readdirSync(folder).filter(name => name.endsWith('.built'));
	rmSync(path.join(folder, mark!));
	writeFileSync(path.join(folder, mark!.replace('.built', ''), 'out/pmu-emul.o'), 'half');
	// Change the content, so that the kernel is not in the cache, although the object does not depend on it.
	writeFileSync(path.join(place, 'Kconfig'), '# changed\n');
	const again = await build();
	t.false(again.after.fromCache);
	t.is(text(again.after.image), text(pmu));
});

test.serial('a symbol that the source lacks is named', async t => {
	const { place, cache } = await fakeSource(t);
	const config = await requestedConfig('small');
	const { after } = await buildLinuxSeries(cache, {
		source: await openLinuxSource(place),
		config: { ...config, text: `${config.text}CONFIG_GONE=y\n` },
	});
	t.is(after.missed, 'CONFIG_GONE (not there)');
});
