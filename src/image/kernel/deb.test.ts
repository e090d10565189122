import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { dir } from 'tmp-promise';
import { openCache } from '../cache/cache.ts';
import { kernelFromFile } from './kernel.ts';

const image = Buffer.alloc(4096, 1);
image.write('MZ', 0, 'latin1');
image.write('ARM\x64', 0x38, 'latin1');
image.write('Linux version 6.9.1-own (me@here) #1\0', 512, 'latin1');

async function temporary(t: ExecutionContext) {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	return { folder, cache: await openCache({ env: { VPMU_CACHE: path.join(folder, 'cache') } }) };
}

/** Makes a package of these files with dpkg-deb; `links` are symbolic links. */
function packageOf(folder: string, files: Record<string, string | Buffer>, links: Record<string, string> = {}): string {
	const tree = path.join(folder, 'tree');
	const control =
		'Package: linux-image-own\nVersion: 1\nArchitecture: arm64\nMaintainer: me <me@here>\nDescription: a\n';
	for (const [name, content] of Object.entries({ 'DEBIAN/control': control, ...files })) {
		mkdirSync(path.join(tree, path.dirname(name)), { recursive: true });
		writeFileSync(path.join(tree, name), content);
	}
	for (const [name, to] of Object.entries(links)) symlinkSync(to, path.join(tree, name));
	const deb = path.join(folder, 'own.deb');
	execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, deb], { stdio: 'ignore' });
	return deb;
}

test('a package of a kernel is a kernel, with the modules and the configuration in it', async t => {
	const { folder, cache } = await temporary(t);
	const deb = packageOf(folder, {
		'boot/vmlinuz-6.9.1-own': image,
		'boot/config-6.9.1-own': 'CONFIG_KVM=y\nCONFIG_VIRTIO_NET=m\n',
		'lib/modules/6.9.1-own/kernel/net/a.ko': 'module',
	});
	const kernel = await kernelFromFile(cache, deb);
	t.like(kernel, { release: '6.9.1-own', label: deb });
	t.regex(kernel.modules ?? '', /packages\/deb-[0-9a-f]{20}\/lib\/modules\/6\.9\.1-own$/);
	t.is(kernel.config?.get('VIRTIO_NET'), 'm');
	t.true(kernel.uses.some(key => key.startsWith('packages/deb-')));
});

test('a package without a kernel, with several, or that is cut off is refused by name', async t => {
	const { folder, cache } = await temporary(t);
	const refused = async (deb: string, message: RegExp) => {
		const error = await t.throwsAsync(kernelFromFile(cache, deb));
		t.is(error?.name, 'UsageError');
		t.regex(error!.message, message);
	};
	const none = packageOf(folder, { 'usr/share/doc/a': 'text' });
	await refused(none, /own\.deb' holds no kernel; allowed: a package with one kernel/);
	await refused(
		packageOf(folder, { 'boot/vmlinuz-1': image, 'boot/vmlinuz-2': image }),
		/holds 2 kernels: boot\/vmlinuz-1, /,
	);
	const broken = path.join(folder, 'broken.deb');
	writeFileSync(broken, '!<arch>\ndebian-binary   1 0 0 100644 4 `\n2.0\n');
	await refused(broken, /broken\.deb' cannot be unpacked: /);
});

test('links of a package lead nowhere', async t => {
	const { folder, cache } = await temporary(t);
	const secret = path.join(folder, 'secret');
	writeFileSync(secret, image);
	mkdirSync(path.join(folder, 'tree/boot'), { recursive: true });
	const deb = packageOf(folder, { 'boot/config-1': 'a' }, { 'boot/vmlinuz-1': secret });
	await t.throwsAsync(kernelFromFile(cache, deb), { message: /holds no kernel/ });
});
