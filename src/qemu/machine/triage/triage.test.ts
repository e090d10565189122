import { PassThrough } from 'node:stream';
import test from 'ava';
import { SerialConsole } from '../../../guest/console.ts';
import { plainHost } from '../../testing/hosts.ts';
import type { QmpAsk } from '../../vcpu.ts';
import { describeTriage, triage } from './triage.ts';

/** Runs a triage of a machine where only the given `qmp` answers. */
async function look(t: { teardown(fn: () => unknown): void }, qmp: QmpAsk) {
	const serial = new SerialConsole(new PassThrough());
	t.teardown(() => serial[Symbol.asyncDispose]());
	const host = plainHost({ run: () => Promise.reject(new Error('no such host any more')) });
	const qmpLines = ['{"direction":"sent"}'];
	return await triage({ host, qmp, console: serial, pid: 1, logPath: '/nowhere', qmpLines });
}

test('each section that gets no answer says so, and nothing is thrown', async t => {
	const sections = await look(t, { execute: () => Promise.reject(new Error('QMP is silent')) });
	const text = describeTriage(sections);
	t.is(sections.length, 7);
	t.regex(text, /== run state \(query-status\)\nnot available: QMP is silent\n/);
	t.regex(text, /== registers \(info registers -a\)\nnot available: QMP is silent\n/);
	t.regex(text, /== stacks of QEMU \(gdb\)\nnot available: no such host any more\n/);
	t.regex(text, /== last of QMP\n\{"direction":"sent"\}\n/);
});

test('sections with answers are shown next to those without', async t => {
	const sections = await look(t, {
		execute: async command => {
			if (command === 'query-status') return { status: 'running' };
			if (command === 'human-monitor-command') return 'CPU#0\r\n PC=0000000040000000\r\n';
			throw new Error(`no ${command}`);
		},
	});
	const lines = (title: string) => sections.find(section => section.title.startsWith(title))?.lines;
	t.deepEqual(lines('run state'), ['{"status":"running"}']);
	t.deepEqual(lines('registers'), ['CPU#0', ' PC=0000000040000000']);
	t.deepEqual(lines('kernel backtraces'), ['not available: no chardev-send-break']);
});
