import { machineVersion } from '../../../src/lib/machine-type.ts';
import { parseJson } from '../../../src/lib/text/json.ts';
import { parseTraceLog } from '../../../src/pmu/verdict/trace-log.ts';
import { parseVersion } from '../../../src/qemu/inspect/identify.ts';
import { listMachines } from '../../../src/qemu/inspect/machine-names.ts';
import { byCommandLine } from '../../../src/qemu/inspect/pmu-choice.ts';
import { StderrTail } from '../../../src/qemu/process/stderr.ts';
import { parseTrace } from '../../../src/qemu/trace.ts';
import { parseThreadStat } from '../../../src/qemu/vcpu.ts';
import { JsonFramer } from '../../../src/qmp/wire/framing.ts';
import { readMessage } from '../../../src/qmp/wire/messages.ts';
import { formatRecord, parseRecording } from '../../../src/qmp/wire/recording.ts';
import { filled } from '../linear.ts';
import { inPieces, type Reader } from './text.ts';

/** What QEMU and QMP peers write. */
export const qemuReaders: Readonly<Record<string, Reader>> = {
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
};
