import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { dir } from 'tmp-promise';
import { parseKernelConfig } from '../linux/config.ts';
import { requestedConfig } from '../linux/requested.ts';
import { configInImage, configOf, modulesOf } from './beside.ts';
import type { Kernel } from './kernel.ts';
import { requireUsable } from './usable.ts';

const imageWith = (config: string) =>
	Buffer.concat([
		Buffer.from('MZ code IKCFG_ST no config '),
		Buffer.from('IKCFG_ST'),
		gzipSync(config),
		Buffer.from('IKCFG_ED more'),
	]);

test('the configuration is read from an Image, unless it is damaged there', t => {
	t.is(configInImage(imageWith('CONFIG_KVM=y\n'))?.get('KVM'), 'y');
	t.is(configInImage(Buffer.from('no configuration IKCFG_ED')), undefined);
	const damaged = imageWith('CONFIG_KVM=y\n');
	damaged.fill(0xff, damaged.length - 24, damaged.length - 14);
	t.is(configInImage(damaged), undefined);
});

test('beside a kernel, its configuration and modules are found as distributions and builds leave them', async t => {
	const { path: folder, cleanup } = await dir({ prefix: 'vpmu-beside-', unsafeCleanup: true });
	t.teardown(cleanup);
	const write = (name: string, text = '') => {
		mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
		writeFileSync(path.join(folder, name), text);
	};
	write('installed/boot/config-6.12', 'CONFIG_KVM=m\n');
	write('installed/lib/modules/6.12/kernel/x.ko');
	write('usr/lib/modules/6.1/kernel/x.ko');
	write('tree/.config', 'CONFIG_KVM=y\n');
	write('tree/arch/arm64/boot/Image');
	const none = Buffer.alloc(0);
	const at = (name: string) => path.join(folder, name);
	t.is((await configOf(none, at('installed/boot/vmlinuz-6.12'), '6.12'))?.get('KVM'), 'm');
	t.is((await configOf(none, at('tree/arch/arm64/boot/Image'), '6.12'))?.get('KVM'), 'y');
	t.is(await configOf(none, at('installed/boot/vmlinuz'), '6.13'), undefined);
	t.is(await modulesOf(at('installed/boot/vmlinuz-6.12'), '6.12'), at('installed/lib/modules/6.12'));
	t.is(await modulesOf(at('usr/lib/modules/6.1/vmlinuz'), '6.1'), at('usr/lib/modules/6.1'));
	t.is(await modulesOf(at('installed/boot/vmlinuz-6.13'), '6.13'), undefined);
});

test('a kernel without what a board needs is refused at once, by name', async t => {
	const { text } = await requestedConfig('small');
	const kernel = (config: string, modules: string | null = null) =>
		({ label: '/boot/Image', release: '6.12', modules, config: parseKernelConfig(config) }) as unknown as Kernel;
	t.notThrows(() => requireUsable(kernel(text), 'board'));
	const modular = text.replace('CONFIG_VIRTIO_NET=y', 'CONFIG_VIRTIO_NET=m');
	t.throws(() => requireUsable(kernel(modular), 'board'), {
		message:
			"the kernel '/boot/Image' cannot be the kernel of a board: CONFIG_VIRTIO_NET is a module (the network card); its modules were looked for beside it, in lib/modules/6.12",
	});
	t.notThrows(() => requireUsable(kernel(modular, '/lib/modules/6.12'), 'board'));
	t.notThrows(() => requireUsable(kernel(modular), 'guest'));
	t.throws(() => requireUsable(kernel(text.replace('CONFIG_KVM=y', '')), 'board'), {
		message: "the kernel '/boot/Image' cannot be the kernel of a board: CONFIG_KVM is off (KVM)",
	});
	t.notThrows(() => requireUsable({ ...kernel(''), config: undefined }, 'board'));
});
