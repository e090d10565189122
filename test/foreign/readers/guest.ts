import { PassThrough } from 'node:stream';
import { SerialConsole } from '../../../src/guest/console.ts';
import { FrameDemultiplexer } from '../../../src/guest/framed/frames.ts';
import { MessageReader } from '../../../src/guest/framed/messages.ts';
import { sortKernelLog } from '../../../src/guest/kernel/known.ts';
import { parsePerfStat } from '../../../src/guest/perf/parse.ts';
import { readDump } from '../../../src/guest/plain/encode.ts';
import { TerminalClient } from '../../../src/guest/terminal.ts';
import { TextCleaner } from '../../../src/guest/text.ts';
import { TroubleDetector } from '../../../src/guest/trouble.ts';
import { parseWorkloadReport } from '../../../src/guest/workloads.ts';
import { sinceLine, sinceRecord } from '../../../src/host/kernel-log.ts';
import { judgeSelftest } from '../../../src/pmu/conformance/selftests/judge.ts';
import { filled } from '../linear.ts';
import { bytesOf, inPieces, type Reader } from './text.ts';

/** What a guest's kernel, programs and terminal write. */
export const guestReaders: Readonly<Record<string, Reader>> = {
	'console of a guest': {
		read: async text => {
			const stream = new PassThrough();
			await using console = new SerialConsole(stream);
			const waited = console.waitFor(/[#$] $|login: ?$/).catch(() => undefined);
			inPieces(text, bytes => stream.write(bytes));
			stream.end();
			await waited;
			console.lastLines();
		},
		worst: {
			'one line': size => filled(size, 'x'),
			'escape sequences without an end': size => filled(size, '\x1b]0;'),
			'a string without an end': size => filled(size, 'x', '\x1b]0;'),
			parameters: size => filled(size, '0', '\x1b['),
			'tasks that hang': size => filled(size, 'INFO: task '),
			warnings: size => filled(size, 'WARNING: x at '),
			banners: size => filled(size, '[    0.000000][x'),
		},
		pieces: [
			'\x1b',
			'[',
			']',
			'0',
			';',
			' ',
			'x',
			'\n',
			'BUG: ',
			'INFO: task ',
			' blocked for more than ',
			'1',
			'# ',
			'WARNING: ',
		],
	},
	'console text': {
		read: text => {
			const cleaner = new TextCleaner();
			inPieces(text, bytes => cleaner.push(bytes));
			new TextCleaner().push(bytesOf(text));
		},
		worst: {
			'strings without an end': size => filled(size, '\x1b]'),
			'parameters without an end': size => filled(size, '0', '\x1b['),
			'spaces after escape': size => filled(size, ' ', '\x1b'),
			'bytes that are not UTF-8': size => filled(size, '\xf0\x9f'),
		},
		pieces: ['\x1b', '[', ']', 'P', '0', ' ', '\x07', '\\', 'x', '\n', '\xc3'],
	},
	'trouble of a kernel': {
		read: text => {
			if (!TroubleDetector.isSuspicious(text)) return;
			for (const line of text.split('\n')) new TroubleDetector(true).look(line, 0);
		},
		worst: {
			'tasks that hang': size => filled(size, 'INFO: task '),
			'digits of a task': size => filled(size, '1', 'INFO: task x blocked for more than '),
			'words of an internal error': size => filled(size, 'a ', 'Internal error: '),
			'internal errors': size => filled(size, 'Internal error: a'),
			'words of a warning': size => filled(size, 'y', 'WARNING: x at '),
			'banners of a boot': size => filled(size, '[    0.000000][a'),
			stalls: size => filled(size, 'rcu: INFO: a'),
		},
		pieces: [
			'INFO: task ',
			' blocked for more than ',
			'1',
			'Internal error: ',
			'a',
			' ',
			': ',
			'[#',
			'WARNING: ',
			' at ',
			', CPU#',
			'[    0.000000]',
			'[',
			'rcu: INFO: ',
		],
	},
	'log of a kernel': {
		read: text => {
			sortKernelLog(text.split('\n'), { of: 'guest', release: '6.12.1' });
			const printed = text.split('\n');
			sinceRecord(printed, 1);
			sinceLine(printed, { way: 'dmesg', count: 3, first: 'a', last: ['b', 'c', 'd'] });
		},
		worst: {
			levels: size => filled(size, '<1>'),
			times: size => filled(size, '[    1.000000] '),
			'bugs in one line': size => filled(size, 'BUG: '),
			'lines of bugs': size => filled(size, 'BUG: x\n'),
			'records without an end': size => filled(size, '1', '1,1,1,'),
			'callers of a record': size => filled(size, 'caller=C', '1,1,1,', ';x'),
			'locks in one line': size => filled(size, 'a-', 'WARNING: '),
			'words of a hung task': size => filled(size, 'x ', 'INFO: task '),
			'escapes of a record': size => filled(size, '\\x1b', '1,1,1,-;'),
		},
		pieces: [
			'<1>',
			'[',
			']',
			' ',
			'1.0',
			'BUG: ',
			'INFO: task ',
			'WARNING: ',
			'Internal error: ',
			'\n',
			'1,1,1,',
			';',
			'rcu',
			'x',
		],
	},
	'frames of the agent': {
		read: text => {
			for (const size of [64, 65_536]) {
				const demultiplexer = new FrameDemultiplexer(() => false);
				inPieces(text, bytes => void demultiplexer.push(bytes), size);
			}
		},
		worst: {
			'a frame without an end': size => filled(size, 'A', '~'),
			'beginnings of frames': size => filled(size, '~'),
			'spoilt frames': size => filled(size, `~${'A'.repeat(20)}\n`),
			'text in a frame': size => filled(size, 'A \n', '~AAAAAAAAAAAA'),
		},
		pieces: ['~', 'A', '\n', '\r', ' ', 'AAAAAAAA'],
	},
	'messages of the agent': {
		read: text => {
			const reader = new MessageReader(() => undefined);
			inPieces(text, bytes => reader.push(bytes), 256);
		},
		worst: {
			'a length without an end': size => filled(size, '\x80', 'O\x01'),
			'a message without an end': size => filled(size, 'x', 'O\x01\xff\xff\xff\xff\x7f'),
			'empty messages': size => filled(size, 'O\x01\x00'),
		},
		pieces: ['O', '\x00', '\x01', '\x80', '\xff', 'x'],
	},
	'a dump of a file': {
		read: text => {
			readDump('od', text);
			readDump('base64', text);
		},
		worst: {
			'one line of bytes': size => filled(size, 'ab ', '', 'x'),
			'spaces between bytes': size => filled(size, ' ', 'ab', 'x'),
			'one line of base64': size => filled(size, 'A', '', '!'),
		},
		pieces: ['ab', ' ', '\n', 'x', 'A', '='],
	},
	'output of perf': {
		read: text => parsePerfStat(text),
		worst: {
			'a count of digits': size => filled(size, '9', '', ',,cycles,1,100.00,,'),
			'digits of a run time': size => filled(size, '9', '1,,cycles,', ',100.00,,'),
			'an event without an end': size => filled(size, ',a', '1,,pmu/a'),
			separators: size => filled(size, ','),
			'metrics of one counter': size => filled(size, '\n,,,1.00,insn', '1,,cycles,1,100.00,,'),
			'digits of JSON': size => filled(size, '9', '{"counter-value" : "', '", "event" : "cycles"}'),
			'numbers of JSON': size => filled(size, '"a" : 1,0, ', '{', '"event" : "x"}'),
			'blanks of JSON': size => filled(size, ' ', '{"a" :', '}'),
			'empty lines': size => filled(size, '\n'),
		},
		pieces: ['1', ',', '.', '/', 'cycles', '<not counted>', '\n', '%', '{', '}', '"', ':', ' ', 'CPU0', 'nan'],
	},
	"one of the kernel's own tests": {
		read: text => judgeSelftest({ name: 'a', status: 1, stdout: text, stderr: text }),
		worst: {
			'points in one line': size => filled(size, 'ok 1 '),
			'directives in one line': size => filled(size, '# skip', 'ok 1 '),
			'number signs and blanks': size => filled(size, '#   ', 'ok 1 '),
			'a plan of number signs': size => filled(size, '# ', '1..0 '),
			'dashes of a reason': size => filled(size, '-', '1..0 # skip '),
			'short points': size => filled(size, 'ok\n'),
			'empty lines': size => filled(size, '\n'),
			assertions: size => filled(size, '==== Test Assertion Failure ====\n'),
		},
		pieces: [
			'ok ',
			'not ok ',
			'1',
			'1..',
			'#',
			' skip',
			' TODO',
			'Bail out!',
			'\n',
			' ',
			'- ',
			'==== Test Assertion Failure ====',
		],
	},
	'report of a workload': {
		read: parseWorkloadReport,
		worst: {
			digits: size => filled(size, '9', 'vpmu-workload loop ', ' done\n'),
			steps: size => filled(size, '9', 'vpmu-workload steps ', '\n'),
			'another line': size => filled(size, 'x'),
		},
		pieces: ['vpmu-workload ', 'loop ', '9', ' done', '\n', 'steps '],
	},
	'a terminal of a guest': {
		read: text => {
			const client = new TerminalClient();
			inPieces(text, bytes => client.receive(bytes));
		},
		worst: {
			'parameters without an end': size => filled(size, 'x', '\xff\xfa'),
			commands: size => filled(size, '\xff'),
		},
		pieces: ['\xff', '\xfa', '\xf0', 'x', '\x00'],
	},
};
