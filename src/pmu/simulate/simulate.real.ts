import test from 'ava';
import { localHost } from '../../host/local.ts';
import { readHostFacts } from '../probe/read-facts.ts';
import { source } from '../testing/facts.ts';
import type { SimulatedHost } from './description.ts';
import { simulate } from './simulate.ts';

const description: SimulatedHost = {
	possible: { text: '0-511\n' },
	eventSources: [
		source('armv8_a', 10, '0-255', 'platform/pmu-a'),
		{ name: 'folder', link: { error: 'EINVAL' }, type: { text: '11\n' }, cpus: { text: '0-511' } },
		{
			...source('odd', 12, '', 'system/odd'),
			link: { text: '../../../devices/odd' },
			type: { error: 'ENOENT' },
			cpus: { error: 'EISDIR' },
		},
	],
};

test('what a program in the simulation reads are the facts that were promised', async t => {
	await using host = localHost();
	const facts = await readHostFacts(host);
	await using simulation = await simulate(host, description, { facts });
	const inside = {
		...host,
		name: host.name,
		topology: null,
		run: (argv: readonly string[]) => host.run([...simulation.wrapper, ...argv]),
	};
	const seen = await readHostFacts(inside);
	t.deepEqual(seen.cpus, { ...simulation.facts.cpus, midr: {} });
	const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
	if ('error' in seen.eventSources || 'error' in simulation.facts.eventSources)
		return t.fail('event sources must be listed');
	t.deepEqual([...seen.eventSources].sort(byName), [...simulation.facts.eventSources].sort(byName));
	t.deepEqual(simulation.facts.simulated, ['sysfs']);
	const after = await readHostFacts(host);
	t.deepEqual(after, facts, 'outside nothing has changed');
});

test('the command in the simulation is the process itself, and its exit is its own', async t => {
	await using host = localHost();
	const facts = await readHostFacts(host);
	await using simulation = await simulate(host, { eventSources: { error: 'ENOENT' } }, { facts });
	const result = await host.run([...simulation.wrapper, 'sh', '-c', 'ls /sys/bus/event_source/devices; exit 7']);
	t.is(result.status, 7);
	t.is(result.stdout.length, 0);
});
