import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { dir } from 'tmp-promise';
import { writeFakeLinux } from '../../../../src/image/linux/testing/fake-linux.ts';
import { nothingGiven } from '../../command.ts';
import { seriesOptions } from '../options.ts';
import { projectsOfSeries } from './project.ts';

const patchOf = (touched: string, name = 'a.patch') => ({
	name,
	content: Buffer.from(
		touched === '' ? 'Subject: [PATCH 0/2] a\n\nb\n---\n' : `--- a/${touched}\n+++ b/${touched}\n@@ -1 +1 @@\n-a\n+b\n`,
	),
});

/** Sorts patches, each by the file that it touches, in a folder with a source of each project. */
async function sorter(t: ExecutionContext) {
	const { path: folder, cleanup } = await dir({ prefix: 'vpmu-project-', unsafeCleanup: true });
	t.teardown(cleanup);
	writeFakeLinux(path.join(folder, 'linux'));
	mkdirSync(path.join(folder, 'q/target/arm'), { recursive: true });
	mkdirSync(path.join(folder, 'other'));
	writeFileSync(path.join(folder, 'linux-6.12.tar.xz'), '');
	return async (source: readonly string[], touched: readonly string[], more = {}) => {
		const files = touched.map((name, at) => patchOf(name, `${at}.patch`));
		const options = { ...nothingGiven(seriesOptions), source: [...source], ...more };
		const { qemu, linux } = await projectsOfSeries({ cwd: folder }, { options }, files);
		const said = (part: typeof qemu) => part && `${part.source}: ${part.files.map(({ name }) => name[0]).join('')}`;
		return { ...(qemu && { qemu: said(qemu) }), ...(linux && { linux: said(linux) }) };
	};
}

test('a source says whose series it is, else the patches do', async t => {
	const of = await sorter(t);
	t.deepEqual(await of(['linux'], ['README']), { linux: 'linux: 0' });
	t.deepEqual(await of(['debian:trixie'], ['arch/arm64/kvm/arm.c']), { linux: 'debian:trixie: 0' });
	t.deepEqual(await of(['debian:trixie'], ['target/arm/kvm.c']), { qemu: 'debian:trixie: 0' });
	t.deepEqual(await of(['debian:trixie'], ['README']), { qemu: 'debian:trixie: 0' });
	t.deepEqual(await of(['linux-6.12.tar.xz'], ['README']), { linux: 'linux-6.12.tar.xz: 0' });
	// The tree decides: that the patch does not apply says the rest.
	t.deepEqual(await of(['linux'], ['target/arm/kvm.c']), { linux: 'linux: 0' });
	await t.throwsAsync(of(['debian:trixie'], ['target/arm/kvm.c'], { as: 'board' }), {
		message: "option '--as' is for series of Linux, and this one is for QEMU",
	});
	t.deepEqual(await of(['linux'], ['README'], { each: true, selftests: true }), { linux: 'linux: 0' });
	await t.throwsAsync(of(['debian:trixie'], ['target/arm/kvm.c'], { selftests: true }), {
		message: "option '--selftests' is for series of Linux, and this one is for QEMU",
	});
	await t.throwsAsync(of(['linux'], ['README'], { sanitize: 'address' }), {
		message: "option '--sanitize' is for series of QEMU, and this one is for Linux",
	});
});

test('series for both are sorted, each with its source; a cover letter belongs to the patches beside it', async t => {
	const of = await sorter(t);
	const both = ['', 'target/arm/kvm.c', 'README', '', 'arch/arm64/kvm/arm.c', 'Documentation/a'];
	const sorted = { qemu: ': 01', linux: ': 2345' };
	const withSources = (qemu: string, linux: string) => ({ qemu: qemu + sorted.qemu, linux: linux + sorted.linux });
	t.deepEqual(await of(['debian:trixie'], both), withSources('debian:trixie', 'debian:trixie'));
	t.deepEqual(await of(['linux', 'q'], both), withSources('q', 'linux'));
	t.deepEqual(await of(['q', 'linux'], both), withSources('q', 'linux'));
	t.deepEqual(await of(['debian:sid', 'linux'], both), withSources('debian:sid', 'linux'));
	t.deepEqual(await of(['q', 'debian:sid'], both), withSources('q', 'debian:sid'));
	t.deepEqual(await of(['linux-6.12.tar.xz', 'other'], both), withSources('other', 'linux-6.12.tar.xz'));
});

test('sources that do not fit the patches, and options of one project, are refused in a sentence', async t => {
	const of = await sorter(t);
	const both = ['target/arm/kvm.c', 'arch/arm64/kvm/arm.c'];
	const refused = async (message: string, ...of_: Parameters<typeof of>) =>
		await t.throwsAsync(of(...of_), { message, name: 'UsageError' });
	await refused(
		"'0.patch' is for QEMU, and '--source' names only Linux's source; give '--source' of both, or 'debian:SUITE'",
		...([['linux'], both] as const),
	);
	await refused(
		"'linux' and 'linux-6.12.tar.xz' of option '--source' are both Linux's; allowed: one of each",
		['linux', 'linux-6.12.tar.xz'],
		both,
	);
	await refused(
		"option '--source': unknown which of 'debian:sid' and 'other' is Linux's source; name one as a folder, or as an archive whose name begins with linux or qemu",
		...([['debian:sid', 'other'], both] as const),
	);
	await refused(
		"option '--source' is given 3 times; allowed: once for QEMU and once for Linux",
		['q', 'linux', 'q'],
		both,
	);
	await refused("option '--source' names two sources, and all patches are for Linux", ['q', 'linux'], ['virt/kvm/a.c']);
	await refused(
		"option '--range' cannot stand with series for QEMU and Linux: series for both come as files, each with its source",
		...([['q', 'linux'], [], { range: 'a..b' }] as const),
	);
	await refused(
		"option '--qemu' cannot stand with series for QEMU and Linux: the series for QEMU is built",
		...([['debian:trixie'], both, { qemu: ['debian:sid'] }] as const),
	);
});
