import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { describeMissed, lackingSymbols, missedSymbols, parseKernelConfig } from './config.ts';
import { kernelConfigs, requestedConfig } from './requested.ts';

test('a configuration is read like Kconfig reads it: values as written, unset symbols are n', t => {
	const text =
		'CONFIG_A=y\nCONFIG_B=m\r\n# CONFIG_C is not set\n# a remark\nCONFIG_D="x=y"\nexport CONFIG_E=y\nCONFIG_F=16\n';
	t.deepEqual(
		[...parseKernelConfig(text)],
		[
			['A', 'y'],
			['B', 'm'],
			['C', 'n'],
			['D', '"x=y"'],
			['F', '16'],
		],
	);
});

test('every requested symbol that is missing or has another value is named', t => {
	const requested = parseKernelConfig(
		'CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=y\n# CONFIG_D is not set\n# CONFIG_E is not set\n',
	);
	const result = parseKernelConfig('CONFIG_A=y\nCONFIG_B=m\nCONFIG_E=y\n');
	t.is(
		describeMissed(missedSymbols(requested, result)),
		'CONFIG_B (m, not y), CONFIG_C (not there), CONFIG_E (y, not n)',
	);
});

test('a configuration without KVM or a network card is refused for boards, and modules count only where they can be loaded', async t => {
	const { text } = await requestedConfig('small');
	t.deepEqual(lackingSymbols(parseKernelConfig(text), 'board', false), []);
	t.deepEqual(lackingSymbols(parseKernelConfig(text), 'guest', false), []);
	const other = parseKernelConfig(text.replace('CONFIG_KVM=y', '').replace('VIRTIO_NET=y', 'VIRTIO_NET=m'));
	const names = (withModules: boolean) =>
		lackingSymbols(other, 'board', withModules).map(({ symbol, isModule }) => `${symbol} ${isModule}`);
	t.deepEqual(names(false), ['KVM false', 'VIRTIO_NET true']);
	t.deepEqual(names(true), ['KVM false']);
});

test('each of our configurations serves guests and boards, names no symbol twice, and can be read back from its Image', async t => {
	for (const name of kernelConfigs) {
		const { text, isMinimal } = await requestedConfig(name);
		const config = parseKernelConfig(text);
		t.true(isMinimal);
		t.deepEqual([...lackingSymbols(config, 'guest', false), ...lackingSymbols(config, 'board', false)], [], name);
		t.is(config.get('IKCONFIG'), 'y', name);
		const lines = text.split('\n').filter(line => /CONFIG_/.test(line) && !/^# [^C]/.test(line));
		t.is(config.size, lines.length, name);
	}
});

test('full has all of small', async t => {
	const [small, full] = await Promise.all(
		['small', 'full'].map(async name => parseKernelConfig((await requestedConfig(name)).text)),
	);
	t.deepEqual(missedSymbols(small!, full!), []);
});

test('a file that is not a configuration is refused by name', async t => {
	const source = path.join(import.meta.dirname, 'config.ts');
	t.true(readFileSync(source).length > 0);
	await t.throwsAsync(requestedConfig(source), {
		message: `'${source}' is not a configuration of Linux: it has no line such as CONFIG_KVM=y`,
	});
	await t.throwsAsync(requestedConfig('smal', '/'), {
		message:
			"cannot read the configuration 'smal': there is no such file; allowed: small, full, debug, or the path of a .config",
	});
});
