import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { writeFakeLinux } from '../../../../src/image/linux/testing/fake-linux.ts';
import { nothingGiven } from '../../command.ts';
import { seriesOptions } from '../options.ts';
import { projectOfSeries } from './project.ts';

const patchOf = (name: string) => ({
	name: 'a.patch',
	content: Buffer.from(`--- a/${name}\n+++ b/${name}\n@@ -1 +1 @@\n-a\n+b\n`),
});
const given = (more: object) => ({ options: { ...nothingGiven(seriesOptions), ...more } });

test('a source folder says whose series it is, else the patches do', async t => {
	const { path: folder, cleanup } = await dir({ prefix: 'vpmu-project-', unsafeCleanup: true });
	t.teardown(cleanup);
	writeFakeLinux(path.join(folder, 'linux'));
	const of = async (source: string, patch: string, more = {}) =>
		await projectOfSeries({ cwd: folder }, given({ source, ...more }), [patchOf(patch)]);
	t.is(await of('linux', 'README'), 'linux');
	t.is(await of('debian:trixie', 'arch/arm64/kvm/arm.c'), 'linux');
	t.is(await of('debian:trixie', 'target/arm/kvm.c'), 'qemu');
	t.is(await of('debian:trixie', 'README'), 'qemu');
	await t.throwsAsync(of('debian:trixie', 'target/arm/kvm.c', { as: 'board' }), {
		message: "option '--as' is for series of Linux, and this one is for QEMU",
	});
	t.is(await of('linux', 'README', { each: true, selftests: true }), 'linux');
	await t.throwsAsync(of('debian:trixie', 'target/arm/kvm.c', { selftests: true }), {
		message: "option '--selftests' is for series of Linux, and this one is for QEMU",
	});
	await t.throwsAsync(of('linux', 'README', { sanitize: 'address' }), {
		message: "option '--sanitize' is for series of QEMU, and this one is for Linux",
	});
});
