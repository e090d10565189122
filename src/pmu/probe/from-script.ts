import { VpmuError } from '../../lib/errors.ts';
import type { EventSource, FileText, HostFacts } from '../facts.ts';
import { kvmFacts } from './kvm-answers.ts';

const devices = '/sys/bus/event_source/devices';
const cpu = '/sys/devices/system/cpu';

/** Makes facts of what the script printed. @throws VpmuError when that is not the script's output */
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
	const match = /^vpmu-facts-script 1\n([\s\S]*?)^links\n([\s\S]*?)^kvm\n([\s\S]*?)^files\n([\s\S]*)$/m.exec(stdout);
	if (match === null) {
		throw new VpmuError(`the facts of ${name} cannot be read: the script's output is cut off`, {
			blame: 'host',
			evidence: stdout.trimEnd().split('\n').slice(-10),
		});
	}
	const lines = (text: string) => text.split('\n').filter(line => line !== '');
	return { lines: lines(match[1]!), links: lines(match[2]!), kvm: lines(match[3]!), content: match[4]! };
}

const restAfter = (lines: readonly string[], word: string) =>
	lines.find(line => line.startsWith(`${word} `))?.slice(word.length + 1) ?? '';

/** What `head -v` printed: a header before each file, an empty line between one's content and the next header. */
function readFiles({ lines, content }: ScriptOutput, stderr: string): Map<string, FileText> {
	const files = new Map<string, FileText>();
	for (const line of lines) {
		const [, error, path] = /^error (\w+) (.*)$/.exec(line) ?? [];
		// A glob that matched nothing stands for itself.
		if (path !== undefined && !path.includes('*')) files.set(path, { error: error! });
	}
	const headers = [...content.matchAll(/(?:^|\n)==> (\/\S[^\n]*) <==\n/g)];
	headers.forEach((header, index) => {
		const text = content.slice(header.index + header[0].length, headers[index + 1]?.index);
		// Content is empty too where head could open a file, but not read it; then it says so.
		const failed = text === '' && stderr.includes(header[1]!);
		files.set(header[1]!, failed ? { error: 'EIO' } : { text });
	});
	return files;
}

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
	return [...names].sort().map(name => {
		const target = targets.get(name);
		const folder = `${devices}/${name}`;
		const format = filesUnder(files, `${folder}/format/`);
		const caps = filesUnder(files, `${folder}/caps/`);
		return {
			name,
			// readlink() of what is not a link.
			link: target === undefined ? { error: 'EINVAL' } : { text: target },
			type: files.get(`${folder}/type`) ?? { error: 'ENOENT' },
			cpus: files.get(`${folder}/cpus`) ?? { error: 'ENOENT' },
			...(format === undefined ? {} : { format }),
			...(caps === undefined ? {} : { caps }),
		};
	});
}

function filesUnder(files: ReadonlyMap<string, FileText>, prefix: string): Record<string, string> | undefined {
	const found = [...files].flatMap(([path, file]) =>
		path.startsWith(prefix) && 'text' in file ? [[path.slice(prefix.length), file.text.trimEnd()]] : [],
	);
	return found.length === 0 ? undefined : Object.fromEntries(found);
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

/** What else bears on counting, by the name under which the kernel documents it. */
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
