import { lastLines } from '../../../src/host/lines.ts';
import { connectError } from '../../../src/host/ssh/diagnose.ts';
import { PacketSplitter } from '../../../src/host/ssh/wire.ts';
import { readBusyLine } from '../../../src/lib/files/lock.ts';
import { foreignLinesOf } from '../../../src/lib/text/streams.ts';
import { parseCpuList, parseCpuListAsPatch } from '../../../src/pmu/cpu-list.ts';
import { factsFromScript } from '../../../src/pmu/probe/from-script.ts';
import { kvmFacts } from '../../../src/pmu/probe/kvm-answers.ts';
import { filled } from '../linear.ts';
import { inPieces, type Reader, streamed } from './text.ts';

const host = { name: 'ssh://foreign', topology: null };
const factsText = (files: string, links = '', lines = '') =>
	`vpmu-facts-script 1\nuname 6.12 aarch64\nsources\nkvm-present\n${lines}links\n${links}kvm\nend\nfiles\n${files}`;

/** What hosts and their ssh say. */
export const hostReaders: Readonly<Record<string, Reader>> = {
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
};
