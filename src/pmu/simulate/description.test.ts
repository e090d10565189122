import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { dir } from 'tmp-promise';
import { predictBackend } from '../predict/predict.ts';
import { bigLittle, source, uniform } from '../testing/facts.ts';
import { type SimulatedHost, shimWords, simulatedFacts, sysfsTree } from './description.ts';
import { wrapperArgv } from './simulate.ts';
import { type TreeEntry, tarOf } from './tar.ts';

const odd: SimulatedHost = {
	possible: { text: '0-511\n' },
	eventSources: [
		source('armv8_a', 10, '0-511', 'platform/pmu-a'),
		{ name: 'folder', link: { error: 'EINVAL' }, type: { text: '11' }, cpus: { error: 'EISDIR' } },
		{ ...source('armv8_b', 12, '', 'platform/pmu-b'), type: { error: 'ENOENT' }, cpus: { text: '' } },
	],
};

async function unpacked(tree: readonly TreeEntry[]): Promise<AsyncDisposable & { path: string }> {
	const folder = await dir({ unsafeCleanup: true });
	execFileSync('tar', ['-x', '-f', '-', '-C', folder.path], { input: tarOf(tree) });
	return { path: folder.path, [Symbol.asyncDispose]: () => folder.cleanup() };
}

test('the tree is what tar unpacks, and its links lead to the devices', async t => {
	await using folder = await unpacked(sysfsTree(uniform, odd)!);
	const at = (name: string) => path.join(folder.path, name);
	t.is(readFileSync(at('devices/system/cpu/possible'), 'utf8'), '0-511\n');
	t.is(readFileSync(at('devices/system/cpu/online'), 'utf8'), '0-1\n');
	t.is(readlinkSync(at('bus/event_source/devices/armv8_a')), '../../../devices/platform/pmu-a/armv8_a');
	t.is(readFileSync(at('bus/event_source/devices/armv8_a/type'), 'utf8'), '10\n');
	t.is(readFileSync(at('bus/event_source/devices/folder/type'), 'utf8'), '11');
	t.true(lstatSync(at('bus/event_source/devices/folder')).isDirectory());
	t.true(lstatSync(at('bus/event_source/devices/folder/cpus')).isDirectory());
	t.is(readFileSync(at('bus/event_source/devices/armv8_b/cpus'), 'utf8'), '');
	t.throws(() => lstatSync(at('bus/event_source/devices/armv8_b/type')), { code: 'ENOENT' });
});

test('any names and contents come out of tar as they went in', async t => {
	const names = fc.array(fc.stringMatching(/^[a-z0-9@:_-]{1,60}$/), { minLength: 1, maxLength: 4 });
	await fc.assert(
		fc.asyncProperty(names, fc.string({ unit: 'binary', maxLength: 1200 }), async (parts, content) => {
			const file = parts.join('/');
			await using folder = await unpacked([
				{ path: file, content },
				{ path: 'LINK', link: file.slice(0, 100) },
			]);
			t.is(readFileSync(path.join(folder.path, file), 'utf8'), Buffer.from(content).toString());
			t.is(readlinkSync(path.join(folder.path, 'LINK')), file.slice(0, 100));
		}),
		{ numRuns: 15 },
	);
});

test('nothing of sysfs is replaced when nothing of it is described', t => {
	t.is(sysfsTree(uniform, { kvm: { setPmu: 'no' } }), undefined);
	t.is(shimWords({ possible: { text: '0' } }), undefined);
	t.deepEqual(simulatedFacts(uniform, {}).simulated, []);
});

test('facts are those that QEMU will see, and say what is simulated', t => {
	const facts = simulatedFacts(uniform, { ...odd, kvm: { fixedCountersOnly: 'yes', types: { 12: 10 } } });
	t.deepEqual(facts.simulated, ['sysfs', 'FIXED_COUNTERS_ONLY', 'event source types of KVM']);
	t.is(facts.kvm.attribute5, 'yes');
	t.like(facts.kvm.setPmuTypes, { 10: 'ENXIO', 11: 'ENXIO' });
	t.deepEqual(simulatedFacts(facts, { kvm: { setPmu: { errno: 16 } } }).kvm.setPmuTypes?.[10], 'EBUSY');
	const hidden = simulatedFacts(bigLittle, { kvm: { pmuV3: 'no' } });
	t.like(hidden.kvm, { pmuV3: 'no', setPmu: 'no', setPmuTypes: {} });
	t.is(predictBackend(hidden, { machine: 'virt', qemu: { hasPmuChoice: true } }).rule, 'no-kvm-pmu');
});

test('words for the shim', t => {
	t.is(shimWords({ kvm: { pmuV3: 'no' } }), 'hide-pmu-v3');
	t.is(
		shimWords({ kvm: { setPmu: { errno: 22 }, fixedCountersOnly: 'yes', types: { 11: 10, 12: 10 } } }),
		'set-pmu-errno=22 fixed-counters-only types=11:10,12:10',
	);
});

test('the wrapper ends by executing what follows', t => {
	const argv = wrapperArgv({ sysfs: '/f/sys', shim: { path: '/s.so', words: 'a b', log: '/f/log' }, root: false });
	t.deepEqual(argv.slice(0, 3), ['unshare', '-rm', 'sh']);
	t.deepEqual(argv.slice(-5), ['/f/sys', 'env', 'LD_PRELOAD=/s.so', 'VPMU_KVM_SHIM=a b', 'VPMU_KVM_SHIM_LOG=/f/log']);
	t.deepEqual(wrapperArgv({ root: true }), []);
});

const wrong: readonly [title: string, description: SimulatedHost, sentence: RegExp][] = [
	['an unreadable file', { possible: { error: 'EACCES' } }, /error EACCES of .*possible' cannot be simulated/],
	[
		'a link out of devices',
		{ eventSources: [{ ...source('a', 1, '0'), link: { text: '../x' } }] },
		/link '..\/x' of event source a/,
	],
	[
		'a link back',
		{ eventSources: [{ ...source('a', 1, '0'), link: { text: '../../../devices/../x' } }] },
		/cannot be simulated/,
	],
	['a name with a slash', { eventSources: [source('a/b', 1, '0')] }, /name 'a\/b'/],
	[
		'two at one device',
		{ eventSources: [source('a', 1, '0'), { ...source('b', 2, '0'), link: source('a', 1, '0').link }] },
		/share the device/,
	],
];

for (const [title, description, sentence] of wrong) {
	test(`refused: ${title}`, t => {
		t.throws(() => sysfsTree(uniform, description), { name: 'UsageError', message: sentence });
	});
}

test("what was measured of the real KVM's default is not said of event sources that are simulated", t => {
	const facts = {
		...bigLittle,
		kvm: { ...bigLittle.kvm, defaultCounts: [{ madeOn: '0-1', counted: '0', stopped: '1' }] },
	};
	t.deepEqual(simulatedFacts(facts, { kvm: { setPmu: 'no' } }).kvm.defaultCounts, facts.kvm.defaultCounts);
	t.is(simulatedFacts(facts, { eventSources: [source('armv8_a', 10, '0-1')] }).kvm.defaultCounts, undefined);
	t.is(simulatedFacts(facts, { kvm: { pmuV3: 'no' } }).kvm.defaultCounts, undefined);
});
