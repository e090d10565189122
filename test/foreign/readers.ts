import { PassThrough } from 'node:stream';
import { readDeviceTree, words } from '../../src/board/flattened.ts';
import { SerialConsole } from '../../src/guest/console.ts';
import { FrameDemultiplexer } from '../../src/guest/framed/frames.ts';
import { MessageReader } from '../../src/guest/framed/messages.ts';
import { sortKernelLog } from '../../src/guest/kernel/known.ts';
import { parsePerfStat } from '../../src/guest/perf/parse.ts';
import { readDump } from '../../src/guest/plain/encode.ts';
import { TerminalClient } from '../../src/guest/terminal.ts';
import { TextCleaner } from '../../src/guest/text.ts';
import { TroubleDetector } from '../../src/guest/trouble.ts';
import { parseWorkloadReport } from '../../src/guest/workloads.ts';
import { sinceLine, sinceRecord } from '../../src/host/kernel-log.ts';
import { lastLines } from '../../src/host/lines.ts';
import { connectError } from '../../src/host/ssh/diagnose.ts';
import { PacketSplitter } from '../../src/host/ssh/wire.ts';
import { parseElf } from '../../src/image/elf/elf.ts';
import { kernelRelease, recogniseKernel } from '../../src/image/kernel/format.ts';
import { readBusyLine } from '../../src/lib/files/lock.ts';
import { machineVersion } from '../../src/lib/machine-type.ts';
import { parseJson } from '../../src/lib/text/json.ts';
import { foreignLinesOf } from '../../src/lib/text/streams.ts';
import { judgeSelftest } from '../../src/pmu/conformance/selftests/judge.ts';
import { parseCpuList, parseCpuListAsPatch } from '../../src/pmu/cpu-list.ts';
import { factsFromScript } from '../../src/pmu/probe/from-script.ts';
import { kvmFacts } from '../../src/pmu/probe/kvm-answers.ts';
import { parseTraceLog } from '../../src/pmu/verdict/trace-log.ts';
import { parseVersion } from '../../src/qemu/inspect/identify.ts';
import { listMachines } from '../../src/qemu/inspect/machine-names.ts';
import { byCommandLine } from '../../src/qemu/inspect/pmu-choice.ts';
import { readProgramHeader } from '../../src/qemu/process/diagnose.ts';
import { StderrTail } from '../../src/qemu/process/stderr.ts';
import { parseTrace } from '../../src/qemu/trace.ts';
import { parseThreadStat } from '../../src/qemu/vcpu.ts';
import { JsonFramer } from '../../src/qmp/wire/framing.ts';
import { readMessage } from '../../src/qmp/wire/messages.ts';
import { formatRecord, parseRecording } from '../../src/qmp/wire/recording.ts';
import { filled } from './linear.ts';

/** A reader of foreign text, its worst cases, and pieces of such text. */
export interface Reader {
	readonly read: (text: string) => unknown;
	readonly worst: Readonly<Record<string, (size: number) => string>>;
	/** Pieces for generated inputs. */
	readonly pieces: readonly string[];
}

const bytesOf = (text: string) => Buffer.from(text, 'latin1');

/** Delivers bytes like a pipe. */
function inPieces(text: string, push: (bytes: Buffer) => void, size = 4096): void {
	const bytes = bytesOf(text);
	for (let at = 0; at < bytes.length; at += size) push(bytes.subarray(at, at + size));
}

async function streamed(text: string, use: (stream: PassThrough) => Promise<unknown>): Promise<void> {
	const stream = new PassThrough();
	const used = use(stream);
	inPieces(text, bytes => stream.write(bytes), 65_536);
	stream.end();
	await used;
}

const host = { name: 'ssh://foreign', topology: null };
const factsText = (files: string, links = '', lines = '') =>
	`vpmu-facts-script 1\nuname 6.12 aarch64\nsources\nkvm-present\n${lines}links\n${links}kvm\nend\nfiles\n${files}`;

const deviceTree = (struct: Buffer, strings: Buffer) => {
	const head = words(0xd00dfeed, 56 + struct.length + strings.length, 56, 56 + struct.length, 40, 17, 16, 0, 0, 0);
	return Buffer.concat([head, Buffer.alloc(16), struct, strings]).toString('latin1');
};

const elf = (entry: (at: number) => readonly [bigint, bigint], size: number) => {
	const file = Buffer.alloc(Math.max(size, 256));
	file.write('\x7fELF\x02\x01\x01', 'latin1');
	file.writeUInt16LE(183, 18);
	file.writeBigUInt64LE(64n, 32);
	file.writeUInt16LE(56, 54);
	file.writeUInt16LE(2, 56);
	const half = (file.length >> 1) & ~15;
	const segment = (at: number, type: number, offset: number, length: number) => {
		file.writeUInt32LE(type, at);
		file.writeBigUInt64LE(BigInt(offset), at + 8);
		file.writeBigUInt64LE(BigInt(offset), at + 16);
		file.writeBigUInt64LE(BigInt(length), at + 32);
	};
	segment(64, 2, 192, half - 192);
	segment(120, 1, half, file.length - half);
	for (let at = 192; at + 16 <= half; at += 16) {
		const [tag, value] = at === 192 ? [5n, BigInt(half)] : entry(at);
		file.writeBigUInt64LE(tag, at);
		file.writeBigUInt64LE(value, at + 8);
	}
	file.fill('a', half, file.length - 1);
	return file.toString('latin1');
};

/** Every reader of foreign text. Add new ones here. */
export const readers: Readonly<Record<string, Reader>> = {
	'trace log': {
		read: text => parseTrace(`${text}\n`),
		worst: {
			'one word': size => filled(size, 'a', 'kvm_arm_set_pmu '),
			'words without numbers': size => filled(size, 'a ', 'kvm_arm_set_pmu '),
			'spaces after a word': size => filled(size, ' ', 'kvm_arm_set_pmu type', 'x'),
			'digits without an end': size => filled(size, '1', 'kvm_arm_set_pmu type ', '.x'),
			'digits of an exit reason': size => filled(size, '1', 'un-handled exit reason ', 'x'),
			'exit reasons in one line': size => filled(size, 'un-handled exit reason 1  ', '', 'x'),
			'many lines': size => filled(size, 'kvm_arm_set_pmu type 1 ret 0\n'),
		},
		pieces: [
			'kvm_arm_set_pmu',
			' ',
			'a',
			'_',
			'1',
			'0x',
			'f',
			'.',
			'-',
			'=',
			': ',
			'\n',
			'@',
			'un-handled exit reason ',
		],
	},
	'trace log, PMU lines': {
		read: text => parseTraceLog(text, true),
		worst: {
			'digits without an end': size => filled(size, '1', 'kvm_arm_set_pmu type '),
			'blank lines after a match': size => filled(size, 'kvm_arm_set_pmu type 1 ret 0 \n\n\n', '', 'x'),
			blanks: size => filled(size, '\n', 'kvm_arm_set_pmu type 1 ret 0', 'x'),
		},
		pieces: ['kvm_arm_set_pmu type ', 'kvm_arm_set_pmu_fixed_counters_only', ' ret ', '1', '-', ' ', '\n', ':', 'x'],
	},
	'stderr of QEMU': {
		read: text => {
			const tail = new StderrTail();
			inPieces(text, bytes => tail.push(bytes));
			tail.lines(20);
		},
		worst: {
			'announcements without an end': size => filled(size, ': info: QEMU waiting for connection on: '),
			'one line': size => filled(size, 'x'),
			'empty lines': size => filled(size, '\n'),
		},
		pieces: [': info: QEMU waiting for connection on: ', '\n', '\r', 'x', 'error while loading shared libraries: '],
	},
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
	'facts of a host': {
		read: text => factsFromScript(host, text, text),
		worst: {
			'links and no end': size => filled(size, 'links\nkvm\n', 'vpmu-facts-script 1\n'),
			beginnings: size => filled(size, 'vpmu-facts-script 1\n'),
			'event sources': size => factsText('', filled(size, 'lrwx a -> ../b\ndrwx c\n')),
			'different event sources': size =>
				factsText('', Array.from({ length: size / 16 }, (_, index) => `lrwx s${index} -> b\n`).join('')),
			'files that are empty': size =>
				factsText(Array.from({ length: size / 24 }, (_, index) => `\n==> /sys/${index} <==\n`).join('')),
			'files of event sources': size =>
				factsText(
					Array.from(
						{ length: size / 120 },
						(_, n) => `\n==> /sys/bus/event_source/devices/s${n}/format/a <==\nx`,
					).join(''),
					Array.from({ length: size / 120 }, (_, n) => `lrwx s${n} -> b\n`).join(''),
				),
			'a link without an end': size => factsText('', filled(size, ' a', 'l')),
			'a list of CPUs': size =>
				factsText(
					`==> /sys/devices/system/cpu/possible <==\n${filled(size, '0,2,4,')}\n==> /proc/self/status <==\nCpus_allowed_list:${' \n'.repeat(1000)}`,
				),
		},
		pieces: [
			'vpmu-facts-script 1\n',
			'links\n',
			'kvm\n',
			'files\n',
			'==> /a <==\n',
			'error ENOENT /a\n',
			'lrwx a -> b\n',
			' ',
			'l',
			'x',
			'\n',
		],
	},
	"KVM's answers": {
		read: text => kvmFacts(true, 'aarch64', `${text}\nend`.split('\n')),
		worst: {
			CPUs: size => Array.from({ length: size / 12 }, (_, index) => `cpu ${index} 0`).join('\n'),
			types: size => Array.from({ length: size / 12 }, (_, index) => `type ${index} 0`).join('\n'),
			'one line': size => filled(size, 'cpu '),
		},
		pieces: ['cpu ', '1', ' 0', '\n', 'type ', 'open 0\n', 'attribute '],
	},
	'lists of CPUs': {
		read: text => {
			const lenient = parseCpuListAsPatch(text);
			if ('cpus' in lenient) {
				lenient.cpus.and(lenient.cpus);
				lenient.cpus.minus(lenient.cpus);
				lenient.cpus.covers(lenient.cpus);
			}
			parseCpuList(text);
		},
		worst: {
			'one number': size => filled(size, '9'),
			zeros: size => filled(size, '0', '', 'x'),
			'every other CPU': size => Array.from({ length: size / 8 }, (_, index) => index * 2).join(','),
			blanks: size => filled(size, ' ', '', 'x'),
			'a range without an end': size => filled(size, '1-', '', '1'),
		},
		pieces: ['0', '1', '9', ',', '-', ' ', '0x', '\n', '\0', '+'],
	},
	'device tree of a guest': {
		read: text => readDeviceTree(bytesOf(text)),
		worst: {
			'nodes in nodes': size => deviceTree(Buffer.alloc(size - 100, words(1, 0)), Buffer.alloc(1)),
			'one long name': size =>
				deviceTree(
					Buffer.concat([words(1, 0), Buffer.alloc(Math.floor(size / 24) * 12, words(3, 0, 0)), words(2, 9)]),
					Buffer.concat([Buffer.alloc(size >> 1, 'a'), Buffer.of(0)]),
				),
			nothing: size => deviceTree(Buffer.alloc(size - 100, words(4)), Buffer.alloc(1)),
		},
		pieces: ['\0\0\0\x01', '\0\0\0\0', '\0\0\0\x02', '\0\0\0\x03', 'aaaa', '\0\0\0\x04'],
	},
	'a version of QEMU': {
		read: parseVersion,
		worst: {
			'digits of a version': size => filled(size, '1', 'QEMU emulator version 1.1.', ' x'),
			parentheses: size => filled(size, ' (', 'QEMU emulator version 1.1.1'),
		},
		pieces: ['QEMU emulator version ', '1', '.', ' ', '(', ')', 'x', '\n'],
	},
	'names of machine types': {
		read: text => {
			machineVersion(text);
			listMachines(text.split('\n'), text.split('\n'));
		},
		worst: {
			'versions in one name': size => filled(size, '-1.1a', 'virt', '\n'),
			'dashes in one name': size => filled(size, '-', 'virt', '\n'),
			'digits of a version': size => filled(size, '1', 'virt-1.', '!'),
			'many names': size => Array.from({ length: size / 12 }, (_, index) => `virt-${index}.1`).join('\n'),
		},
		pieces: ['virt', '-', '1', '.', 'a', '\n', 'rhel', '_', '!'],
	},
	'refusal of a command line': {
		read: text => byCommandLine([text]),
		worst: {
			properties: size => filled(size, 'Property pmu', '-accel kvm,pmu=x: '),
			'command lines': size => filled(size, '-accel kvm,pmu=x'),
		},
		pieces: ['-accel kvm,pmu=x', ': ', 'Property ', 'pmu', ' not found', 'Parameter ', "'pmu'"],
	},
	'head of a program': {
		read: text => readProgramHeader(bytesOf(text)),
		worst: {
			'a script': size => filled(size, ' ', '#!'),
			'many entries': size => elf(() => [0n, 0n], size),
		},
		pieces: ['#!', '\x7fELF', '\x02', '\x01', '\0', 'x'],
	},
	'state of a thread': {
		read: parseThreadStat,
		worst: { blanks: size => filled(size, ' ', '1 (', ') R'), parentheses: size => filled(size, ')') },
		pieces: ['1', ' ', '(', ')', 'R', '\n'],
	},
	'QMP, cut into messages': {
		read: text => {
			const framer = new JsonFramer({ maxBytes: 1 << 26 });
			let brokenInARow = 0;
			inPieces(text, bytes => {
				// Like a session, which ends after this many unreadable messages in a row.
				for (const { text: message, broken } of framer.push(bytes)) {
					if (brokenInARow >= 16) return;
					const isBroken = broken !== undefined || readMessage(message).kind === 'broken';
					brokenInARow = isBroken ? brokenInARow + 1 : 0;
				}
			});
			framer.end();
		},
		worst: {
			'a string without an end': size => filled(size, '\\"', '{"a":"'),
			'braces in braces': size => filled(size, '{"a":'),
			'brackets in brackets': size => filled(size, '[', '{"a":'),
			'stray bytes': size => filled(size, 'x'),
			'many messages': size => filled(size, '{"event":"A"}\n'),
			'broken messages': size => filled(size, '{"a" "b"}'),
		},
		pieces: ['{', '}', '[', ']', '"', '\\', ':', ',', '1', 'nan', '\n', '\xff', '"id":"a"'],
	},
	'a message of QMP': {
		read: text => {
			readMessage(text);
			parseRecording(formatRecord({ direction: 'received', text, atMs: 1 }));
		},
		worst: {
			'a number of digits': size => filled(size, '9', '{"return":', ',"id":"a"}'),
			'a fraction of digits': size => filled(size, '9', '{"return":0.', 'e1,"id":"a"}'),
			'quotes that are escaped': size => filled(size, '\\"', '{"id":"', '\\\u2028": nan}'),
			'words that are not numbers': size => filled(size, 'nan,', '{"id":"a","b":[', '1]}'),
			'members of one object': size => filled(size, '"a":nan,', '{', '"id":"a"}'),
			quotes: size => filled(size, '"', '{'),
		},
		pieces: ['{', '}', '"', '\\', 'nan', '-inf', ',', ':', '"id":"a"', '1', 'e', '.', '\u2028'],
	},
	'numbers of JSON': {
		read: parseJson,
		worst: {
			digits: size => filled(size, '9'),
			'digits of an exponent': size => filled(size, '9', '1e'),
			'many numbers': size => filled(size, '18446744073709551615,', '[', '1]'),
		},
		pieces: ['9', '.', 'e', '-', ',', '[', ']', '{', '}'],
	},
	'holder of a lock': {
		read: text => {
			readBusyLine(`busy 1 ${text}`, 'this machine');
			readBusyLine(text, 'this machine');
		},
		worst: {
			'beginnings of a holder': size => filled(size, 'vpmu-lock {'),
			'digits of a process': size => filled(size, '1', 'busy '),
			braces: size => filled(size, '} ', 'vpmu-lock {'),
		},
		pieces: ['vpmu-lock ', '{', '}', ' ', '"pid":1', 'x', '\n'],
	},
	'lines of a host': {
		read: async text => {
			await streamed(text, async stream => {
				const last = lastLines(stream);
				for await (const line of foreignLinesOf(stream)) if (line === '') continue;
				last();
			});
		},
		worst: {
			'one line': size => filled(size, 'x'),
			'empty lines': size => filled(size, '\n'),
			'carriage returns': size => filled(size, '\r'),
		},
		pieces: ['x', '\n', '\r', '\xff'],
	},
	'complaint of ssh': {
		read: text => connectError('lab', 'ssh://lab', text.split('\n'), 255, 'host'),
		worst: {
			'keys that are not known': size => filled(size, 'No '),
			'shells that complain': size => filled(size, 'sh: '),
		},
		pieces: ['No ', 'sh: ', 'host key is known', 'Connection ', 'x', '\n'],
	},
	'packets of ssh': {
		read: text => {
			const splitter = new PacketSplitter();
			inPieces(text, bytes => void splitter.push(bytes));
		},
		worst: {
			'largest packets': size => filled(size, `\x00\x0f\xff\xfc${'x'.repeat((1 << 20) - 4)}`),
			'empty packets': size => filled(size, '\0\0\0\0'),
		},
		pieces: ['\0\0\0\0', '\0\0\0\x01x', '\0\x0f', 'x'],
	},
	'a kernel': {
		read: text => {
			recogniseKernel(bytesOf(text));
			kernelRelease(bytesOf(text));
		},
		worst: { 'many versions': size => filled(size, 'Linux version ') },
		pieces: ['Linux version ', '6.1', ' (', 'MZ', '\0', '\x7fELF'],
	},
	'an ELF file': {
		read: text => parseElf(bytesOf(text)),
		worst: {
			'many libraries': size => elf(() => [1n, 0n], size),
			'many paths': size => elf(() => [29n, 1n], size),
			'other entries': size => elf(() => [77n, 1n], size),
		},
		pieces: ['\x7fELF\x02\x01\x01', '\0', '\x01', 'a'],
	},
};
