import test from 'ava';
import { RoundTrip } from './round-trip.ts';

const limits = { firstMs: 250, leastMs: 80, mostMs: 8000 };

test('before the first measurement it uses the initial timeout, doubled by each retry up to the maximum', t => {
	const trip = new RoundTrip(limits);
	t.is(trip.retryMs, 250);
	for (let n = 0; n < 4; n++) trip.backOff();
	t.is(trip.retryMs, 4000);
	for (let n = 0; n < 4; n++) trip.backOff();
	t.is(trip.retryMs, 8000);
});

test('it follows the acknowledgements: RFC 6298, section 2', t => {
	const trip = new RoundTrip(limits);
	trip.sent(10, 0);
	trip.acknowledged(9, 900);
	t.is(trip.retryMs, 250);
	trip.acknowledged(10, 1000);
	t.is(trip.smoothedMs, 1000);
	t.is(trip.retryMs, 1000 + 4 * 500);
	trip.sent(20, 2000);
	trip.acknowledged(20, 2600);
	t.is(trip.smoothedMs, 950);
	t.is(trip.retryMs, 950 + 4 * (0.75 * 500 + 0.25 * 400));
	for (let n = 0; n < 200; n++) {
		trip.sent(30 + n, 0);
		trip.acknowledged(30 + n, 2);
	}
	t.is(trip.retryMs, 80);
});

test('an acknowledgement after a resend is not measured, but a line that may have slowed down gets more time', t => {
	const slow = new RoundTrip(limits);
	slow.sent(10, 0);
	slow.backOff();
	slow.resent(250);
	slow.acknowledged(10, 1000);
	t.is(slow.smoothedMs, 0);
	t.is(slow.retryMs, 1000);

	const quick = new RoundTrip(limits);
	quick.sent(10, 0);
	quick.acknowledged(10, 4);
	quick.sent(20, 100);
	quick.backOff();
	quick.resent(180);
	quick.acknowledged(20, 184);
	t.is(quick.retryMs, 80);
	t.is(quick.smoothedMs, 4);
});
