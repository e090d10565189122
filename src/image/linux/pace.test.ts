import { readFileSync } from 'node:fs';
import test from 'ava';
import { parseKernelConfig } from './config.ts';
import { slownessOfKernel } from './pace.ts';
import { requestedConfig } from './requested.ts';

test('deadlines grow with what a kernel looks for, up to a limit, and with nothing else', async t => {
	const of = (text: string) => slownessOfKernel(parseKernelConfig(text));
	t.is(slownessOfKernel(undefined), 1);
	t.is(of('CONFIG_KVM=y\n# CONFIG_KASAN is not set\n'), 1);
	t.is(of('CONFIG_KASAN=y\n'), 4);
	t.is(of('CONFIG_KASAN=y\nCONFIG_PROVE_LOCKING=y\n'), 8);
	t.is(of('CONFIG_KASAN=y\nCONFIG_KCSAN=y\nCONFIG_PROVE_LOCKING=y\n'), 20);
	const ours = async (name: string) => slownessOfKernel(parseKernelConfig((await requestedConfig(name)).text));
	t.deepEqual([await ours('small'), await ours('full'), await ours('debug')], [1, 1, 8]);
});

test('the debug configuration asks for every check that is promised', t => {
	const config = parseKernelConfig(readFileSync('images/kernel/debug.config', 'utf8'));
	// PROVE_RCU has no switch of its own: PROVE_LOCKING turns it on (kernel/rcu/Kconfig.debug).
	for (const symbol of ['KASAN', 'PROVE_LOCKING', 'DEBUG_ATOMIC_SLEEP', 'DEBUG_LIST'])
		t.is(config.get(symbol), 'y', symbol);
});
