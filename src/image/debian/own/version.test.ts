import { spawnSync } from 'node:child_process';
import test from 'ava';
import { compareVersions, satisfies } from './version.ts';

const versions = [
	...[
		'0',
		'0~',
		'0~~',
		'1',
		'1.0',
		'1.0-0',
		'1.0-1',
		'1.0-1+b1',
		'1.0-1+deb13u1',
		'1.0-1~bpo12+1',
		'1.0+ds-1',
		'1.0~rc1-1',
	],
	...['1:0', '0:2', '2:0.1', '10', '9', '1.10', '1.9', '1.a', '1.A', '1.+', '1.-1', '1a', '1.0a', '1.00', '001.0'],
	...[
		'6.12.117+deb13',
		'6.12.9',
		'2.36-9+deb12u10',
		'2.36-9+deb12u9',
		'20250419',
		'1.2.3-4-5',
		'1.2.3-4',
		'1.2~',
		'1.2',
	],
];

test("dpkg's order of versions is ours", t => {
	// Neighbours in a sorted list are enough, since dpkg's order is one.
	const sorted = versions.toSorted(compareVersions);
	const pairs = sorted.slice(1).map((newer, index) => [sorted[index]!, newer] as const);
	const script = pairs
		.map(
			([a, b]) =>
				`dpkg --compare-versions '${a}' lt '${b}' && echo lt || { dpkg --compare-versions '${a}' eq '${b}' && echo eq || echo gt; }`,
		)
		.join('\n');
	const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
	const theirs = stdout.trim().split('\n');
	t.is(theirs.length, pairs.length);
	const wrong = pairs.filter(([a, b], index) => theirs[index] !== (compareVersions(a, b) < 0 ? 'lt' : 'eq'));
	t.deepEqual(wrong, []);
});

test('relations include or exclude equal versions', t => {
	const holds = (version: string) =>
		(['<<', '<=', '=', '>=', '>>'] as const).map(one => satisfies(version, one, '1.0-1'));
	t.deepEqual(holds('1.0-1'), [false, true, true, true, false]);
	t.deepEqual(holds('1.0-1~'), [true, true, false, false, false]);
	t.deepEqual(holds('1:0'), [false, false, false, true, true]);
});
