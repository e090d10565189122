import { VpmuError } from '../../lib/errors.ts';
import { lastLinesOf } from '../../lib/text/foreign.ts';
import type { EventSource, FileText, HostFacts } from '../facts.ts';
import { kvmFacts } from './kvm-answers.ts';

const devices = '/sys/bus/event_source/devices';
const cpu = '/sys/devices/system/cpu';

/** Parses the script's output into facts. @throws VpmuError if it is not the script's output */
export function factsFromScript(
	host: { readonly name: string; readonly topology: string | null },
	stdout: string,
	stderr: string,
): HostFacts {
	const output = splitOutput(host.name, stdout);
	const files = readFiles(output, stderr);
	const file = (path: string): FileText => files.get(path) ?? { error: 'ENOENT' };
	const [release = '', machine = ''] = restAfter(output.lines, 'uname').split(' ');
	const present = output.lines.includes('kvm-present');
	return {
		schema: 'vpmu-facts/1',
		host: host.name,
		topology: host.topology,
		kernel: { release, machine },
		cpus: {
			possible: file(`${cpu}/possible`),
			present: file(`${cpu}/present`),
			online: file(`${cpu}/online`),
			allowed: allowedCpus(file('/proc/self/status')),
			midr: midrs(files),
		},
		eventSources: output.lines.includes('sources') ? eventSources(output, files) : { error: 'ENOENT' },
		kvm: kvmFacts(present, machine, output.kvm),
		other: others(files, output.kvm),
		simulated: [],
	};
}

interface ScriptOutput {
	readonly lines: readonly string[];
	readonly links: readonly string[];
	readonly kvm: readonly string[];
	readonly content: string;
}

function splitOutput(name: string, stdout: string): ScriptOutput {
	const parts = headings.reduce<{ readonly ends: readonly number[]; readonly from: number }>(
		({ ends, from }, heading) => {
			const line = `${heading}\n`;
			const at = stdout.startsWith(line, from) ? from : stdout.indexOf(`\n${line}`, from) + 1;
			if (at === 0 && !stdout.startsWith(line, from)) throw cutOff(name, stdout);
			return { ends: [...ends, at], from: at + line.length };
		},
		{ ends: [], from: 0 },
	);
	const [, links = 0, kvm = 0, files = 0] = parts.ends;
	const lines = (from: number, to: number) =>
		stdout
			.slice(from, to)
			.split('\n')
			.slice(1)
			.filter(line => line !== '');
	return {
		lines: lines(parts.ends[0]!, links),
		links: lines(links, kvm),
		kvm: lines(kvm, files),
		content: stdout.slice(parts.from),
	};
}

/** Marker lines that begin the parts of the output. A login shell may have printed something before them. */
const headings = ['vpmu-facts-script 1', 'links', 'kvm', 'files'];

function cutOff(name: string, stdout: string): VpmuError {
	return new VpmuError(`the facts of ${name} cannot be read: the script's output is cut off`, {
		blame: 'host',
		evidence: lastLinesOf(stdout),
	});
}

const restAfter = (lines: readonly string[], word: string) =>
	lines.find(line => line.startsWith(`${word} `))?.slice(word.length + 1) ?? '';

/**
 * Parses the output of `head -v`: a header before each file, and an empty line between a file's content and the next header.
 */
function readFiles({ lines, content }: ScriptOutput, stderr: string): Map<string, FileText> {
	const files = new Map<string, FileText>();
	for (const line of lines) {
		const [, error, path] = /^error (\w+) (.*)$/.exec(line) ?? [];
		// A glob without matches expands to itself.
		if (path !== undefined && !path.includes('*')) files.set(path, { error: error! });
	}
	const headers = [...content.matchAll(/(?:^|\n)==> (\/\S[^\n]*) <==\n/g)];
	const complaints = stderr.slice(0, longestFile);
	let doubted = 0;
	headers.forEach((header, index) => {
		const text = content.slice(header.index + header[0].length, headers[index + 1]?.index);
		// Content is also empty if head could open a file but not read it; head then prints an error.
		const failed = text === '' && ++doubted <= mostDoubted && complaints.includes(header[1]!);
		files.set(header[1]!, failed ? { error: 'EIO' } : text.length > longestFile ? { error: 'EFBIG' } : { text });
	});
	return files;
}

/** In characters. A sysfs file has at most one page. */
const longestFile = 65_536;
/** Largest number of empty files that are looked up in head's error messages. */
const mostDoubted = 1000;

function eventSources({ links }: ScriptOutput, files: ReadonlyMap<string, FileText>): EventSource[] {
	const targets = new Map<string, string>();
	const names = new Set<string>();
	for (const line of links) {
		const [, name, target] = /^l.*? ([^ ]+) -> (.*)$/.exec(line) ?? [];
		if (name !== undefined) targets.set(name, target!);
		const plain = /^[^l].* ([^ ]+)$/.exec(line);
		if (plain !== null && !line.startsWith('total ')) names.add(plain[1]!);
	}
	for (const name of targets.keys()) names.add(name);
	const parts = partsOfSources(files);
	return [...names].sort().map(name => {
		const target = targets.get(name);
		const folder = `${devices}/${name}`;
		const cpumask = files.get(`${folder}/cpumask`);
		const format = parts.get(`${name}/format`);
		const caps = parts.get(`${name}/caps`);
		return {
			name,
			// The error of readlink() for something that is not a link.
			link: target === undefined ? { error: 'EINVAL' } : { text: target },
			type: files.get(`${folder}/type`) ?? { error: 'ENOENT' },
			cpus: files.get(`${folder}/cpus`) ?? { error: 'ENOENT' },
			...(cpumask === undefined ? {} : { cpumask }),
			...(format === undefined ? {} : { format }),
			...(caps === undefined ? {} : { caps }),
		};
	});
}

/** Returns the content of the folders `format` and `caps` of event sources, by `NAME/FOLDER`. */
function partsOfSources(files: ReadonlyMap<string, FileText>): Map<string, Record<string, string>> {
	const parts = new Map<string, [string, string][]>();
	for (const [path, file] of files) {
		if (!path.startsWith(`${devices}/`) || 'error' in file) continue;
		const [name, folder, ...rest] = path.slice(devices.length + 1).split('/');
		if (rest.length === 0 || (folder !== 'format' && folder !== 'caps')) continue;
		const part = parts.get(`${name}/${folder}`) ?? [];
		parts.set(`${name}/${folder}`, part);
		part.push([rest.join('/'), file.text.trimEnd()]);
	}
	return new Map([...parts].map(([key, entries]) => [key, Object.fromEntries(entries)]));
}

function allowedCpus(status: FileText): FileText {
	if ('error' in status) return status;
	const list = /^Cpus_allowed_list:\s*(\S*)$/m.exec(status.text);
	return list === null ? { error: 'ENOENT' } : { text: `${list[1]}\n` };
}

function midrs(files: ReadonlyMap<string, FileText>): Record<string, string> {
	const found: [string, string][] = [];
	for (const [path, file] of files) {
		const number = /\/cpu(\d+)\/regs\/identification\/midr_el1$/.exec(path);
		if (number !== null && 'text' in file) found.push([number[1]!, file.text.trim()]);
	}
	return Object.fromEntries(found.sort((a, b) => Number(a[0]) - Number(b[0])));
}

/** Returns other settings that affect counting, by the name that the kernel's documentation uses. */
function others(files: ReadonlyMap<string, FileText>, kvm: readonly string[]): Record<string, string> {
	const other: Record<string, string> = {};
	const add = (name: string, path: string) => {
		const file = files.get(path);
		if (file !== undefined && 'text' in file) other[name] = file.text.trimEnd();
	};
	for (const name of ['perf_event_paranoid', 'nmi_watchdog', 'perf_user_access', 'perf_event_max_sample_rate']) {
		add(name, `/proc/sys/kernel/${name}`);
	}
	add('isolated', `${cpu}/isolated`);
	add('nohz_full', `${cpu}/nohz_full`);
	for (const path of files.keys()) {
		const policy = /\/(policy\d+)\/(scaling_\w+)$/.exec(path);
		if (policy !== null) add(`cpufreq.${policy[1]}.${policy[2]}`, path);
		const parameter = /^\/sys\/module\/kvm_arm\/parameters\/(.+)$/.exec(path);
		if (parameter !== null) add(`kvm_arm.${parameter[1]}`, path);
	}
	const commandLine = files.get('/proc/cmdline');
	if (commandLine !== undefined && 'text' in commandLine) {
		const arguments_ = commandLine.text.trim().split(/\s+/);
		const bearing = arguments_.filter(word =>
			/^(kvm-arm\.|arm64\.|nokaslr|isolcpus|nohz|nmi_watchdog|nowatchdog|maxcpus|nr_cpus|driver_async_probe)/.test(
				word,
			),
		);
		if (bearing.length > 0) other.kernel_arguments = bearing.join(' ');
	}
	const gic = kvm.flatMap(line => /^gic (\d) 0$/.exec(line)?.[1] ?? []);
	if (gic.length > 0) other.gic = gic.map(version => `v${version}`).join(' ');
	const nested = /^cap-el2 (\d)$/m.exec(kvm.join('\n'));
	if (nested !== null) other.nested = nested[1] === '1' ? 'yes' : 'no';
	return other;
}
