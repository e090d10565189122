import test from 'ava';
import { describeEvent, QmpWatch } from './qmp-watch.ts';

const sent = (execute: string, id: string, more: object = {}) => ({
	direction: 'sent' as const,
	text: JSON.stringify({ execute, id, ...more }),
});
const reply = (id: string) => ({ direction: 'received' as const, text: JSON.stringify({ return: {}, id }) });
const event = (name: string, data?: object) => ({
	direction: 'received' as const,
	text: JSON.stringify({ timestamp: { seconds: 1, microseconds: 2 }, event: name, data }),
});

function watched(...records: Parameters<QmpWatch['record']>[0][]) {
	const watch = new QmpWatch();
	for (const record of records) watch.record(record);
	return watch;
}
const names = (watch: QmpWatch) => watch.unexpected.map(one => one.event);

test('what our commands bring is expected, once', t => {
	const watch = watched(
		sent('cont', '1'),
		event('RESUME'),
		reply('1'),
		sent('stop', '2'),
		event('STOP'),
		reply('2'),
		sent('system_reset', '3'),
		reply('3'),
		event('RESET', { guest: false, reason: 'host-qmp-system-reset' }),
		sent('human-monitor-command', '4', { arguments: { 'command-line': 'cont' } }),
		event('RESUME'),
		reply('4'),
		sent('quit', '5'),
		event('SHUTDOWN', { guest: false, reason: 'host-qmp-quit' }),
	);
	t.deepEqual(watch.unexpected, []);
	watch.record(event('RESET', { guest: true, reason: 'guest-reset' }));
	t.deepEqual(names(watch), ['RESET']);
});

for (const [name, data] of [
	['STOP', undefined],
	['RESET', { guest: true, reason: 'guest-reset' }],
	['SHUTDOWN', { guest: true, reason: 'guest-panic' }],
	['GUEST_PANICKED', { action: 'pause' }],
	['BLOCK_IO_ERROR', { device: '', action: 'stop', operation: 'write' }],
	['WATCHDOG', { action: 'reset' }],
	['MEMORY_FAILURE', { recipient: 'guest' }],
	['AN_EVENT_OF_A_LATER_QEMU', undefined],
] as const) {
	test(`${name} that nothing asked for is kept with its data`, t => {
		const watch = watched(sent('cont', '1'), event('RESUME'), reply('1'), event(name, data));
		t.deepEqual(watch.unexpected, [{ event: name, ...(data === undefined ? {} : { data }) }]);
	});
}

test('a stop that was answered explains no later one', t => {
	const watch = watched(sent('stop', '1'), reply('1'), event('STOP'));
	t.deepEqual(names(watch), ['STOP']);
	t.deepEqual(watch.stop, { isOwn: false });
});

test('whether the vCPUs may run follows STOP and RESUME', t => {
	const watch = new QmpWatch();
	let stops = 0;
	watch.onStop(() => stops++);
	t.is(watch.stop, undefined);
	watch.record(sent('stop', '1'));
	watch.record(event('STOP'));
	t.deepEqual(watch.stop, { isOwn: true });
	watch.record(reply('1'));
	watch.record(event('RESUME'));
	t.is(watch.stop, undefined);
	watch.record(event('STOP'));
	t.deepEqual(watch.stop, { isOwn: false });
	t.is(stops, 2);
});

test('a guest that may restart itself does nothing unexpected', t => {
	const watch = new QmpWatch({ mayReset: true });
	watch.record(event('RESET', { guest: true, reason: 'guest-reset' }));
	t.deepEqual(watch.unexpected, []);
});

test('what is not a message, and what a machine says of its own, is passed over', t => {
	const watch = watched(
		{ direction: 'received', text: '{"event": broken' },
		{ direction: 'sent', text: '\xff' },
		event('VSERPORT_CHANGE', { id: 'port0', open: true }),
		event('RTC_CHANGE', { offset: 1 }),
		{ direction: 'received', text: JSON.stringify({ return: { event: 'STOP' }, id: 'x' }) },
	);
	t.deepEqual(watch.unexpected, []);
	t.is(watch.stop, undefined);
});

test('an event in words', t => {
	t.is(
		describeEvent({ event: 'SHUTDOWN', data: { guest: true, reason: 'guest-reset' } }),
		'SHUTDOWN (guest true, reason guest-reset)',
	);
	t.is(describeEvent({ event: 'STOP' }), 'STOP');
});
