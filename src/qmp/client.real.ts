import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { JsonObject } from '../lib/text/json.ts';
import { connectQmp } from './connect.ts';
import type { QmpError } from './errors.ts';
import { type QemuSuite, qemuSuites, type RealQemu, startRealQemu } from './testing/real-qemu.ts';

/** Corner cases of QMP on real QEMUs, one at a time. */
type Options = Parameters<typeof startRealQemu>[1];
function eachQemu(title: string, options: Options, body: (t: ExecutionContext, qemu: RealQemu) => Promise<void>): void {
	for (const [suite, version] of Object.entries(qemuSuites)) {
		test.serial(`${title} [QEMU ${version}]`, async t => {
			await using qemu = await startRealQemu(suite as QemuSuite, options);
			await body(t, qemu);
		});
	}
}

/** Adds a second monitor on a TCP port that QEMU chooses. */
const tcpMonitor = [
	...['-chardev', 'socket,id=tcp,host=127.0.0.1,port=0,server=on,wait=off'],
	...['-mon', 'chardev=tcp,mode=control'],
];

/** Reads from the socket until the text matches. */
async function readUntil(socket: net.Socket, pattern: RegExp): Promise<string> {
	let text = '';
	while (!pattern.test(text)) text += String((await once(socket, 'data'))[0]);
	return text;
}

eachQemu('64-bit values are exact both ways', {}, async (t, qemu) => {
	await using qmp = await qemu.connect();
	const { major } = qmp.greeting.version.qemu;
	const properties = (await qmp.execute('qom-list-properties', { typename: 'cxl-type3' })) as unknown as JsonObject[];
	const serial = properties.find(({ name }) => name === 'sn');
	if (major >= 10) t.is(serial?.['default-value'], 18446744073709551615n);
	else t.is(serial?.type, 'uint64');
	for (const exact of [18446744073709551615n, 9223372036854775808n, 9007199254740993n]) {
		await qmp.execute('migrate-set-parameters', { 'max-bandwidth': exact });
		t.like(await qmp.execute('query-migrate-parameters'), { 'max-bandwidth': exact });
	}
});

eachQemu('a big reply, pretty-printed', { monitor: ',pretty=on' }, async (t, qemu) => {
	const frames: string[] = [];
	await using qmp = await qemu.connect({
		record: ({ direction, text }) => direction === 'received' && frames.push(text),
	});
	const schema = (await qmp.execute('query-qmp-schema')) as unknown as JsonObject[];
	t.true(schema.length > 1000);
	t.true(frames.at(-1)!.split('\n').length > 1000);
});

eachQemu('input that QEMU refuses without id fails, and the client goes on', {}, async (t, qemu) => {
	await using qmp = await qemu.connect();
	let deep: object = {};
	for (let depth = 0; depth < 1100; depth++) deep = { a: deep };
	const outcomes = await Promise.allSettled([
		qmp.execute('query-name'),
		qmp.execute('query-version' as string, deep as JsonObject),
		qmp.execute('query-name'),
		qmp.execute('query-version' as string, { 'lone surrogate': '\ud800' }),
		qmp.execute('query-status'),
		qmp.execute('no-such-command'),
		qmp.execute('query-version' as string, { surplus: 1 }),
	]);
	t.deepEqual(
		outcomes.map(outcome => (outcome.status === 'fulfilled' ? 'ok' : (outcome.reason as QmpError).code)),
		['ok', 'QMP_PROTOCOL', 'ok', 'QMP_PROTOCOL', 'ok', 'QMP_COMMAND', 'QMP_COMMAND'],
	);
	t.like(outcomes[5], { reason: { class: 'CommandNotFound' } });
	t.like(outcomes[6], { reason: { class: 'GenericError' } });
	t.like(await qmp.execute('query-status'), { running: false });
	const text = '\u0000 \u007f é 😀 " \\ }';
	const id = await t.throwsAsync<QmpError>(qmp.execute('qom-get', { path: text, property: 'x' }), {
		code: 'QMP_COMMAND',
	});
	t.regex(id?.desc ?? '', /not found/);
});

eachQemu('one client at a time: the second is told so, and is served when the first leaves', {}, async (t, qemu) => {
	const first = await qemu.connect();
	await t.throwsAsync(qemu.connect({ timeoutMs: 300 }), { code: 'QMP_TIMEOUT', message: /one client at a time/ });
	const second = qemu.connect();
	await first.close();
	await using qmp = await second;
	t.like(await qmp.execute('query-status'), { running: false });
});

eachQemu("an earlier client's stale reply is not taken for one of ours", {}, async (t, qemu) => {
	const first = await qemu.connect();
	await first.close();
	for (const id of ['"stale"', '1e400', '[{}]']) {
		const earlier = await qemu.raw();
		await readUntil(earlier, /QMP/);
		earlier.write('{"execute":"qmp_capabilities"}\n');
		await readUntil(earlier, /return/);
		earlier.write(`{"execute":"query-qmp-schema","id":${id}}\n{"execute":"query-version","id":${id}}\n`);
		earlier.destroy();
		await using qmp = await qemu.connect();
		t.like(await qmp.execute('query-status'), { running: false });
		const [version, name] = await Promise.all([qmp.execute('query-version'), qmp.execute('query-name')]);
		t.like(version, { qemu: { major: qmp.greeting.version.qemu.major } });
		t.deepEqual(name, {});
	}
});

eachQemu('out-of-band execution overtakes a command that blocks', {}, async (t, qemu) => {
	await using qmp = await qemu.connect();
	t.deepEqual(qmp.capabilities, ['oob']);
	// When QEMU opens a FIFO for reading, its main loop blocks until another process opens the FIFO for writing.
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-fifo-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const fifo = path.join(folder, 'fifo');
	// QEMU runs as another user.
	execFileSync('mkfifo', ['-m', '666', fifo]);
	execFileSync('chmod', ['755', folder]);
	let blocked = true;
	const blocking = qmp.execute('object-add', { 'qom-type': 'secret', id: 'secret0', file: fifo }).finally(() => {
		blocked = false;
	});
	const others = Array.from({ length: 20 }, () => qmp.execute('query-name'));
	for (let turn = 0; turn < 3; turn++) t.true(Array.isArray(await qmp.execute('query-yank', undefined, { oob: true })));
	t.true(blocked);
	await t.throwsAsync(qmp.execute('query-status', undefined, { timeoutMs: 100 }), {
		code: 'QMP_TIMEOUT',
		message: /owes replies to object-add/,
	});
	await t.throwsAsync(qmp.execute('query-status', undefined, { oob: true }), { code: 'QMP_COMMAND', message: /OOB/ });
	const writer = openSync(fifo, 'w');
	writeSync(writer, 'x');
	closeSync(writer);
	await blocking;
	t.is((await Promise.all(others)).length, 20);
	t.like(await qmp.execute('query-status'), { running: false }, 'the late reply was not mismatched');
});

eachQemu('quit: the event, the reply, the end, and the exit status', {}, async (t, qemu) => {
	await using qmp = await qemu.connect();
	const shutdown = qmp.waitEvent('SHUTDOWN', { timeoutMs: 10_000 });
	const events = Array.fromAsync(qmp.events());
	t.deepEqual(await qmp.execute('quit'), {});
	t.like(await shutdown, { data: { guest: false, reason: 'host-qmp-quit' } });
	await t.throwsAsync(events, { code: 'QMP_DISCONNECTED' });
	t.like(await qmp.closed, { code: 'QMP_DISCONNECTED', death: { status: 0, signal: null } });
});

eachQemu('a QEMU that is killed, or aborts at a question: signal and last words in the error', {}, async (t, qemu) => {
	await using qmp = await qemu.connect();
	const dies = qmp.execute('qom-list-properties', { typename: 'colo-compare' });
	const error = (await dies.then(
		() => {
			void qemu.process.kill('SIGKILL');
			return qmp.closed;
		},
		(reason: QmpError) => {
			if (reason.code === 'QMP_DISCONNECTED') return reason;
			void qemu.process.kill('SIGKILL');
			return qmp.closed;
		},
	)) as QmpError;
	t.is(error.code, 'QMP_DISCONNECTED');
	t.regex(error.death?.signal ?? '', /SIGABRT|SIGSEGV|SIGKILL/);
	t.regex(error.message, /it was killed by SIG/);
	await t.throwsAsync(qmp.execute('query-status'), { code: 'QMP_DISCONNECTED' });
});

eachQemu(
	'events of a running machine, in order, around the replies',
	{ args: ['-machine', 'virt'] },
	async (t, qemu) => {
		await using qmp = await qemu.connect();
		const events = qmp.events();
		await Promise.all(['cont', 'stop', 'system_reset', 'cont', 'stop'].map(command => qmp.execute(command)));
		const names: string[] = [];
		for await (const { event, timestamp } of events) {
			t.true(timestamp.seconds > 1_600_000_000);
			names.push(event);
			if (names.filter(name => name === 'STOP').length === 2) break;
		}
		t.deepEqual(
			names.filter(name => name !== 'RESET'),
			['RESUME', 'STOP', 'RESUME', 'STOP'],
		);
	},
);

eachQemu('2,000 pipelined commands with aborts: each its own reply', {}, async (t, qemu) => {
	await using qmp = await qemu.connect();
	const outcomes = await Promise.allSettled(
		Array.from({ length: 2000 }, (_, index) => {
			const signal = index % 7 === 0 ? AbortSignal.timeout(index % 50) : undefined;
			return qmp.execute('qom-get', { path: `/${index}`, property: 'x' }, { signal });
		}),
	);
	for (const [index, outcome] of outcomes.entries()) {
		const { reason } = outcome as PromiseRejectedResult;
		if (reason.code === 'QMP_COMMAND') t.regex(reason.desc, new RegExp(`'/${index}'`));
		else t.is(reason.name, 'TimeoutError');
	}
});

eachQemu('over TCP', { args: [...['-machine', 'none'], ...tcpMonitor] }, async (t, qemu) => {
	await using unix = await qemu.connect();
	const { filename } = (await unix.execute('query-chardev')).find(({ label }) => label === 'tcp')!;
	const port = Number(/:(\d+),/.exec(filename)?.[1]);
	await using qmp = await connectQmp({ host: '127.0.0.1', port });
	t.is((await qmp.execute('query-qmp-schema')).length, (await unix.execute('query-qmp-schema')).length);
	const address = `127.0.0.1:${port}`;
	await unix.execute('quit');
	const cause = await qmp.closed;
	t.is(cause?.code, 'QMP_DISCONNECTED');
	t.true(cause?.message.includes(address), cause?.message);
	await qemu.process.exited;
	await t.throwsAsync(connectQmp({ host: '127.0.0.1', port }), {
		code: 'QMP_CONNECT',
		message: /nothing listens there/,
	});
});

eachQemu('closed while replies are owed: the next client is not met by them', {}, async (t, qemu) => {
	for (let turn = 0; turn < 20; turn++) {
		const first = await qemu.connect();
		const owed = Array.from({ length: turn }, () =>
			first.execute('query-qmp-schema').catch((error: QmpError) => error.code),
		);
		await first.close();
		t.deepEqual(new Set(await Promise.all(owed)), new Set(turn === 0 ? [] : ['QMP_DISCONNECTED']));
		await using next = await qemu.connect();
		t.like(await next.execute('query-status'), { running: false });
	}
});
