import test from 'ava';
import { pinAgeDays, pinName, wordsOfPins } from './pins.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const pin = {
	suite: 'trixie',
	architecture: 'arm64',
	packages: ['linux-image-cloud-arm64'],
	resolvedAt: '2026-02-20T08:00:00Z',
	suites: ['trixie', 'trixie-updates', 'trixie-security'],
	absent: [],
};

test('packages chosen in the last 30 days are told with their day, without a warning', t => {
	const { text, stale } = wordsOfPins([pin, { ...pin, resolvedAt: '2026-02-28T08:00:00Z' }], now);
	t.false(stale);
	t.is(text, 'versions of Debian packages chosen 9 days ago or later (2026-02-20)');
});

test('packages chosen 30 days ago are stale, and the oldest is named', t => {
	const old = { ...pin, packages: ['openssh-server', 'busybox-static'], resolvedAt: '2026-01-30T11:00:00Z' };
	const { text, stale, remedy } = wordsOfPins([pin, old], now);
	t.true(stale);
	t.is(
		text,
		'1 of 2 choices of Debian packages are 30 days old or more; the oldest is openssh-server and 1 more of trixie (arm64), chosen 30 days ago (2026-01-30)',
	);
	t.regex(remedy, /image build --refresh/);
	t.is(pinAgeDays({ resolvedAt: '2027-01-01T00:00:00Z' }, now), 0, 'a clock that was set back is no age');
});

test('a young choice without security fixes is stale', t => {
	const bare = { ...pin, suites: ['trixie'], absent: ['trixie-updates', 'trixie-security'] };
	t.like(wordsOfPins([pin, bare], now), {
		stale: true,
		text: `${pinName(pin)} was chosen from mirrors without security fixes`,
	});
	t.false(wordsOfPins([{ ...pin, suite: 'sid', suites: ['sid'] }], now).stale, 'unstable has no security suite');
});
