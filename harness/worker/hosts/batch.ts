import { quoteCommand, VpmuError } from '../../../src/lib/index.ts';
import {
	type HostFacts,
	parseTraceLog,
	type SimulationHost,
	shimWords,
	sysfsTree,
	type TreeEntry,
	tarOf,
	wrapperArgv,
} from '../../../src/pmu/index.ts';
import type { DifferentialCase } from './generate.ts';

/** What QEMU showed of its choice when it was started, asked, and never ran its guest. */
export interface SeenStart {
	readonly started: boolean;
	/** Exit status; 128 plus the signal's number for a signal. */
	readonly status: number;
	readonly cpuPmu: boolean | 'absent' | null;
	readonly setPmu: readonly { readonly type: number; readonly ret: number }[];
	readonly setFixedCountersOnly: readonly { readonly ret: number }[];
	/** Its output other than replies. */
	readonly said: readonly string[];
}

export interface BatchTools {
	/** The command that starts QEMU on the host, by the settings' version. */
	readonly qemu: Readonly<Record<string, readonly string[]>>;
	/** Path of the KVM shim on the host. */
	readonly shimPath: string;
	/** Whether we are root on the host. */
	readonly root: boolean;
}

/** Builds the command line of one case, without the wrapper. */
export function caseArgv({ settings }: DifferentialCase, qemu: readonly string[]): string[] {
	const onOff = (name: string, value: boolean | undefined) =>
		value === undefined ? '' : `,${name}=${value ? 'on' : 'off'}`;
	return [
		...qemu,
		...['-machine', `${settings.machine},gic-version=host`],
		...[
			'-accel',
			`kvm${settings.pmu === undefined ? '' : `,pmu=${settings.pmu}`}${onOff('backcompat-pmu', settings.backcompatPmu)}`,
		],
		...['-cpu', `${settings.cpu ?? 'host'}${onOff('pmu', settings.cpuPmu)}`],
		...['-smp', `${settings.vcpus ?? 1}`, '-m', '64', '-S', '-nodefaults', '-display', 'none'],
		...['-trace', 'kvm_arm_set_pmu*', '-qmp', 'stdio'],
	];
}

const questions = [
	{ execute: 'qmp_capabilities' },
	{ execute: 'qom-get', arguments: { path: '/machine/unattached/device[0]', property: 'pmu' }, id: 'pmu' },
	{ execute: 'quit', id: 'quit' },
];

/**
 * Starts one process per case in a single script, because a round trip costs more than a start. A QEMU that hangs runs
 * into its CPU time limit, which does not depend on the host's speed; a start takes one second of it at most.
 */
const batchScript = `
cd "$1" || exit
tar -x -f - || exit
for i in $(ls cases | sort -n); do
	echo "== case $i"
	(ulimit -v 4000000; ulimit -t 60; sh "cases/$i/run" < questions 2>&1)
	status=$?
	echo
	echo "== status $status"
	rm -rf "cases/$i"
done
`;

/**
 * Lets the real QEMU choose in each case, with one command on the host. QEMU runs up to its first reply; no guest runs.
 *
 * @throws VpmuError (blame `host`) if the host does not answer for every case
 */
export async function runBatch(
	host: SimulationHost,
	facts: HostFacts,
	cases: readonly DifferentialCase[],
	tools: BatchTools,
	options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
): Promise<SeenStart[]> {
	await using folder = await host.makeFolder();
	const tree: TreeEntry[] = [
		{ path: 'questions', content: questions.map(question => `${JSON.stringify(question)}\n`).join('') },
	];
	for (const [index, one] of cases.entries()) {
		const base = `cases/${index}`;
		const sysfs = sysfsTree(facts, one.description);
		const words = shimWords(one.description);
		const wrapper = wrapperArgv({
			sysfs: sysfs === undefined ? undefined : `${folder.path}/${base}/sys`,
			shim: words === undefined ? undefined : { path: tools.shimPath, words, log: `${folder.path}/shim.log` },
			root: tools.root,
		});
		const argv = [...wrapper, ...caseArgv(one, tools.qemu[one.settings.qemu.version ?? '']!)];
		tree.push({ path: `${base}/run`, content: `exec ${quoteCommand(argv)}\n` });
		for (const entry of sysfs ?? []) tree.push({ ...entry, path: `${base}/sys/${entry.path}` });
	}
	const result = await host.run(['sh', '-c', batchScript, 'vpmu-batch', folder.path], {
		...options,
		stdin: tarOf(tree),
	});
	const seen = parseBatch(result.stdout.toString());
	if (seen.length !== cases.length) {
		throw new VpmuError(`${host.name} answered ${seen.length} of ${cases.length} cases`, {
			blame: 'host',
			evidence: result.stderr.toString().trim().split('\n').slice(-10),
		});
	}
	return seen;
}

/** Parses the output of the batch. */
export function parseBatch(output: string): SeenStart[] {
	return [...output.matchAll(/^== case \d+\n([\s\S]*?)^== status (\d+)$/gm)].map(([, text, status]) =>
		seenIn(text!, Number(status)),
	);
}

function seenIn(text: string, status: number): SeenStart {
	const said: string[] = [];
	let cpuPmu: SeenStart['cpuPmu'] = null;
	// The greeting comes before the CPUs are created, so only a reply shows that they were.
	let started = false;
	for (const line of text.split('\n').map(each => each.trim())) {
		const reply = replyIn(line);
		if (reply === undefined) {
			if (line !== '') said.push(line);
		} else if (reply.id === 'pmu') {
			cpuPmu = typeof reply.return === 'boolean' ? reply.return : 'absent';
			started = true;
		}
	}
	const { setPmu, setFixedCountersOnly } = parseTraceLog(text, true);
	return { started, status, cpuPmu, setPmu, setFixedCountersOnly, said };
}

/** Parses a QMP message; `undefined` for other output and for incomplete messages. */
function replyIn(line: string): { readonly id?: unknown; readonly return?: unknown } | undefined {
	if (!line.startsWith('{"')) return undefined;
	try {
		return JSON.parse(line);
	} catch {
		return undefined;
	}
}
