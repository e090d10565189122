import test from 'ava';
import { connectQmp } from '../connect.ts';
import { recordedSessions } from '../testing/recorded.ts';
import { replay } from '../testing/replay.ts';
import { scriptedPair } from '../testing/scripted-peer.ts';
import { formatRecord, parseRecording, type QmpRecord } from './recording.ts';

test('a record is read back exactly, whether it is a message or not', t => {
	const records: QmpRecord[] = [
		'{"return": [0.10000000000000001, 18446744073709551615, "\\u00e9"], "id": "a"}',
		'{\n    "return": {}\n}',
		'(qemu) ',
		'{"cut',
		'\u00ff',
	].map((text, index) => ({ direction: index % 2 === 0 ? 'sent' : 'received', text, atMs: 1795361839014.125 }));
	const ndjson = records.map(formatRecord).join('');
	t.is(ndjson.split('\n').length, records.length + 1);
	for (const line of ndjson.trim().split('\n')) t.notThrows(() => JSON.parse(line));
	t.deepEqual(parseRecording(ndjson), records);
});

test('a truncated recording is read as far as it goes; damage inside is named by line', t => {
	const line = formatRecord({ direction: 'sent', text: '{"execute":"stop"}', atMs: 1 });
	t.is(parseRecording(line + line.slice(0, 40)).length, 1);
	t.throws(() => parseRecording(`${line}{"direction":"sideways"}\n${line}`), { message: /^line 2 of the recording/ });
});

for (const { name, records } of recordedSessions) {
	test(`a recorded session of ${name} can be replayed`, async t => {
		const { peer, stream } = scriptedPair();
		const replayed = replay(peer, records, { hangUpAtEnd: true });
		const again: QmpRecord[] = [];
		const client = await connectQmp(stream, { record: record => again.push(record) });
		const events = Array.fromAsync(client.events());
		t.like(await client.execute('query-status'), { status: 'prelaunch' });
		await client.execute('query-version');
		const [, , kvm, , cxl, nope, yank] = await Promise.allSettled([
			client.execute('query-cpus-fast'),
			client.execute('qom-list', { path: '/machine' }),
			client.execute('query-kvm'),
			client.execute('qom-get', { path: '/machine/unattached/device[0]', property: 'mp-affinity' }),
			client.execute('qom-list-properties', { typename: 'cxl-type3' }),
			client.execute('nope'),
			client.execute('query-yank', undefined, { oob: true }),
		]);
		t.like(kvm, { status: 'fulfilled', value: { enabled: false } });
		t.like(cxl, { status: 'fulfilled' });
		t.like(nope, { status: 'rejected', reason: { class: 'CommandNotFound' } });
		t.like(yank, { status: 'fulfilled' });
		await t.throwsAsync(client.execute('system_wakeup'), { message: /recording has no \(further\) system_wakeup/ });
		for (const command of ['cont', 'stop', 'system_reset', 'query-status']) await client.execute(command);
		await client.execute('qom-list-properties', { typename: 'pci-bridge' });
		t.deepEqual(await client.execute('quit'), {});
		await replayed;
		t.like(await client.closed, { code: 'QMP_DISCONNECTED' });
		await t.throwsAsync(events, { code: 'QMP_DISCONNECTED' });
		const received = (all: readonly QmpRecord[]) =>
			all
				.filter(({ direction, text }) => direction === 'received' && !text.includes('system_wakeup'))
				.map(({ text }) => text.replace(/"id": "(?:[0-9a-f]{12}-\d+|\w{6})"/, ''));
		t.deepEqual(received(again), received(records));
	});
}
