import test from 'ava';
import type { DefaultCount, HostFacts } from '../facts.ts';
import { bigLittle, host, overlap, partial, source } from '../testing/facts.ts';
import { predictBackend } from './predict.ts';

const measured = (facts: HostFacts, release: string, ...defaultCounts: readonly DefaultCount[]): HostFacts => ({
	...facts,
	kernel: { release, machine: 'aarch64' },
	kvm: { ...facts.kvm, defaultCounts },
});
const made = (madeOn: string, counted: string, stopped = ''): DefaultCount => ({ madeOn, counted, stopped });

function stock(facts: HostFacts, affinity?: string): string {
	const { type, counting } = predictBackend(facts, {
		machine: 'virt',
		qemu: { hasPmuChoice: false },
		...(affinity === undefined ? {} : { affinity }),
	});
	const words = Object.entries(counting).map(([cpu, word]) => `${cpu} ${typeof word === 'string' ? word : 'unknown'}`);
	return `${type ?? '?'}: ${words.join(', ')}`;
}

const byCpu = [made('0', '0', '1'), made('1', '1', '0')];
const second = [made('0-1', '1', '0')];
const first = [made('0-1', '0', '1')];

const table: readonly [title: string, facts: HostFacts, affinity: string | undefined, expected: string][] = [
	[
		'a 5.14 with backports takes it by CPU',
		measured(bigLittle, '5.14.0-570.el9', ...byCpu),
		'1',
		'11: 0 stops, 1 counts',
	],
	[
		'a 5.14 with backports takes the first',
		measured(bigLittle, '5.14.0-570.el9', ...first),
		'1',
		'10: 0 counts, 1 stops',
	],
	["a vendor's 4.19 takes the last", measured(bigLittle, '4.19.232-vendor', ...second), '0', '11: 0 stops, 1 counts'],
	["a vendor's 4.19 takes the first", measured(bigLittle, '4.19.232-vendor', ...first), '0', '10: 0 counts, 1 stops'],
	['an 8.x takes the last', measured(bigLittle, '8.2.0', ...second), undefined, '11: 0 stops, 1 counts'],
	['where it starts is not known', measured(bigLittle, '6.12.0', ...byCpu), undefined, '?: 0 unknown, 1 unknown'],
	[
		'two that both cover all: the rule of the release',
		measured(overlap, '6.12.0', made('0-1', '0-1')),
		'0',
		'10: 0 counts, 1 counts',
	],
	['the same before 5.5', measured(overlap, '4.19.0', made('0-1', '0-1')), '0', '11: 0 counts, 1 counts'],
	['the same, the rule unknown', measured(overlap, '5.14.0-1.el9', made('0-1', '0-1')), '0', '?: 0 counts, 1 counts'],
	['a PMU of one CPU', measured(partial, '6.12.0', made('0', '0', '1')), '0', '10: 0 counts, 1 stops'],
	[
		'nothing counted: as if not measured',
		measured(bigLittle, '6.12.0', made('0-1', '', '0-1')),
		'1',
		'11: 0 stops, 1 counts',
	],
	['measured for another CPU only', measured(bigLittle, '6.12.0', made('0', '0', '1')), '1', '11: 0 stops, 1 counts'],
	[
		'it counts where no listed event source does',
		measured(host([source('a', 10, '0-1'), source('b', 11, '2-3')], { possible: '0-3' }), '6.12.0', made('0-3', '0,2')),
		undefined,
		'?: 0 counts, 1 counts, 2 counts, 3 counts',
	],
];

for (const [title, facts, affinity, expected] of table) {
	test(title, t => {
		t.is(stock(facts, affinity), expected);
	});
}

test('what was measured is told, with what it means', t => {
	const { because } = predictBackend(measured(bigLittle, '5.14.0-570.el9', ...byCpu), {
		machine: 'virt',
		qemu: { hasPmuChoice: false },
	});
	t.regex(
		because.join('\n'),
		/measured: a vCPU made on CPU 1 counts on CPU 1 and not on CPU 0, so KVM takes armv8_cortex_a72 \(type 11\)/,
	);
	t.notRegex(because.join('\n'), /release number/);
});
