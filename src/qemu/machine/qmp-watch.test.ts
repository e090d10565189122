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

test('an event caused by our command is expected, once', t => {
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
	test(`an unexpected ${name} is kept with its data`, t => {
		const watch = watched(sent('cont', '1'), event('RESUME'), reply('1'), event(name, data));
		t.deepEqual(watch.unexpected, [{ event: name, ...(data === undefined ? {} : { data }) }]);
	});
}

test('an answered stop does not explain a later STOP event', t => {
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

test('restarts of a guest that may restart itself are expected, and nothing else is', t => {
	const watch = new QmpWatch({ mayReset: true });
	watch.record(event('RESET', { guest: true, reason: 'guest-reset' }));
	t.deepEqual(watch.unexpected, []);
	watch.record(event('STOP'));
	t.deepEqual(names(watch), ['STOP']);
});

test('an unexpected event does not use up the one that a later command causes', t => {
	const reset = event('RESET', { guest: false, reason: 'host-qmp-system-reset' });
	const watch = watched(reset, sent('system_reset', '1'), reply('1'), reset);
	t.deepEqual(names(watch), ['RESET']);
});

test("only the monitor's own command runs a command line", t => {
	const other = sent('x-other', '1', { arguments: { 'command-line': 'system_reset' } });
	t.deepEqual(names(watched(other, reply('1'), event('RESET'))), ['RESET']);
});

test('broken messages and routine events of a machine are skipped', t => {
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

test('an event is described in words', t => {
	t.is(
		describeEvent({ event: 'SHUTDOWN', data: { guest: true, reason: 'guest-reset' } }),
		'SHUTDOWN (guest true, reason guest-reset)',
	);
	t.is(describeEvent({ event: 'STOP' }), 'STOP');
});

for (const [command, ...events] of [
	['loadvm', 'STOP', 'RESUME'],
	['savevm', 'STOP', 'RESUME'],
	['x-exit-preconfig', 'RESUME'],
] as const) {
	test(`${command} explains ${events.join(' and ')} while it is executed, and no longer`, t => {
		const watch = watched(sent(command, '1'), ...events.map(name => event(name)), reply('1'));
		t.deepEqual(names(watch), []);
		for (const name of events) watch.record(event(name));
		t.deepEqual(names(watch), [...events]);
	});
}

for (const [command, ...events] of [
	['system_powerdown', 'POWERDOWN', 'SHUTDOWN'],
	['q', 'SHUTDOWN'],
	['migrate', 'STOP', 'RESUME'],
	['migrate-incoming', 'RESUME'],
	['snapshot-save', 'STOP', 'RESUME'],
	['snapshot-load', 'STOP', 'RESUME'],
] as const) {
	test(`${command} explains one ${events.join(' and ')}, also after its answer`, t => {
		const watch = watched(sent(command, '1'), reply('1'), ...events.map(name => event(name)));
		t.deepEqual(names(watch), []);
		for (const name of events) watch.record(event(name));
		t.deepEqual(names(watch), [...events]);
	});
}

test('a command with an urgent execution counts too, and another command explains nothing', t => {
	const urgent = { direction: 'sent' as const, text: JSON.stringify({ 'exec-oob': 'migrate', id: '1' }) };
	t.deepEqual(names(watched(urgent, reply('1'), event('STOP'))), []);
	t.deepEqual(names(watched(sent('query-status', '1'), event('STOP'))), ['STOP']);
	const monitor = (line: unknown) => sent('human-monitor-command', '1', { arguments: { 'command-line': line } });
	t.deepEqual(names(watched(monitor('  savevm one'), event('STOP'))), []);
	t.deepEqual(names(watched(monitor('info status'), event('STOP'))), ['STOP']);
	t.deepEqual(names(watched(monitor(7), event('STOP'))), ['STOP']);
	// What an event explains is not what an object happens to inherit.
	t.deepEqual(names(watched(sent('constructor', '1'), event('STOP'))), ['STOP']);
	t.deepEqual(names(watched({ direction: 'sent', text: '{"id":"1"}' }, event('STOP'))), ['STOP']);
});

test('two commands explain two events, and each event once', t => {
	const watch = watched(sent('system_reset', '1'), sent('system_reset', '2'), event('RESET'), event('RESET'));
	t.deepEqual(names(watch), []);
	watch.record(event('RESET'));
	t.deepEqual(names(watch), ['RESET']);
	// While another command explains it, the one that is due is not used up.
	const both = watched(sent('migrate', '1'), sent('stop', '2'), event('STOP'), reply('2'), event('STOP'));
	t.deepEqual(names(both), []);
});

test('the reply to one command leaves another under way', t => {
	const watch = watched(sent('stop', '1'), sent('cont', '2'), reply('1'), event('RESUME'));
	t.deepEqual(names(watch), []);
	watch.record(event('STOP'));
	t.deepEqual(names(watch), ['STOP']);
});

test('at most 50 unexpected events are kept, and long messages are passed over', t => {
	const watch = watched(...Array.from({ length: 60 }, () => event('STOP')));
	t.is(watch.unexpected.length, 50);
	t.deepEqual(names(watched(event('STOP', { text: 'x'.repeat(20_000) }))), []);
});

test('data that is not an object is left out, and a listener is told until it is disposed of', t => {
	const odd = (data: unknown) =>
		watched({ direction: 'received', text: JSON.stringify({ event: 'STOP', data }) }).unexpected;
	t.deepEqual(odd(null), [{ event: 'STOP' }]);
	t.deepEqual(odd('x'), [{ event: 'STOP' }]);
	t.deepEqual(odd({ a: 1 }), [{ event: 'STOP', data: { a: 1 } }]);
	const watch = new QmpWatch();
	let stops = 0;
	const listening = watch.onStop(() => stops++);
	watch.record(event('RESUME'));
	t.is(stops, 0);
	watch.record(event('STOP'));
	listening[Symbol.dispose]();
	watch.record(event('STOP'));
	t.is(stops, 1);
});

test('an object in the data of an event is shown as it came', t => {
	t.is(describeEvent({ event: 'A', data: { of: { a: 1 }, list: [1], is: true } }), 'A (of {"a":1}, list [1], is true)');
});
