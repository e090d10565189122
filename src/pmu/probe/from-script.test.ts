import test from 'ava';
import { factsFromScript } from './from-script.ts';
import { readHostFacts } from './read-facts.ts';

const devices = '/sys/bus/event_source/devices';
const cpu = '/sys/devices/system/cpu';
const board = { name: 'board:biglittle', topology: 'biglittle' };

/** The script's output on such a host; `kvm` is the output of kvm-facts. */
function printed({ kvm = ['unasked no kvm-facts program was given'], present = true, machine = 'aarch64' } = {}) {
	const files: [string, string][] = [
		[`${cpu}/possible`, '0-1\n'],
		[`${cpu}/online`, '0'],
		['/proc/self/status', 'Name:\thead\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\nMems_allowed:\t1\n'],
		['/proc/cmdline', 'console=ttyAMA0 kvm-arm.mode=nvhe quiet\n'],
		['/proc/sys/kernel/perf_event_paranoid', '2\n'],
		[`${devices}/armv8_a/type`, '10\n'],
		[`${devices}/armv8_a/cpus`, '0\n\n==> not a header'],
		[`${devices}/armv8_a/cpumask`, '0\n'],
		[`${devices}/armv8_a/format/event`, 'config:0-15\n'],
		[`${devices}/odd/type`, ''],
		[`${devices}/odd/cpus`, ''],
		[`${cpu}/cpu10/regs/identification/midr_el1`, '0x2\n'],
		[`${cpu}/cpu2/regs/identification/midr_el1`, '0x1\n'],
	];
	return [
		'vpmu-facts-script 1',
		`uname 6.12.1 ${machine}`,
		'sources',
		present ? 'kvm-present' : 'kvm-absent',
		`error ENOENT ${cpu}/present`,
		`error ENOENT /sys/module/kvm_arm/parameters/*`,
		`error ENOENT ${devices}/*/cpus`,
		`error EISDIR ${devices}/folder/type`,
		`error ENOENT ${devices}/folder/cpus`,
		'links',
		'total 0',
		'lrwxrwxrwx    1 root     root             0 Nov 22 12:00 armv8_a -> ../../../devices/platform/pmu a/armv8_a',
		'drwxr-xr-x    4 root     root             0 Nov 22 12:00 folder',
		'lrwxrwxrwx 1 0 0 0 Nov 22 12:00 odd -> x',
		'kvm',
		...kvm,
		'files',
		files.map(([path, text]) => `==> ${path} <==\n${text}`).join('\n'),
	].join('\n');
}

test('files are read byte for byte, and each way of not being there is told', t => {
	const facts = factsFromScript(board, printed(), `head: error reading '${devices}/odd/cpus': Input/output error\n`);
	t.like(facts, { host: 'board:biglittle', topology: 'biglittle', kernel: { release: '6.12.1', machine: 'aarch64' } });
	t.deepEqual(facts.cpus, {
		possible: { text: '0-1\n' },
		present: { error: 'ENOENT' },
		online: { text: '0' },
		allowed: { text: '0-1\n' },
		midr: { 2: '0x1', 10: '0x2' },
	});
	t.deepEqual(facts.eventSources, [
		{
			name: 'armv8_a',
			link: { text: '../../../devices/platform/pmu a/armv8_a' },
			type: { text: '10\n' },
			cpus: { text: '0\n\n==> not a header' },
			cpumask: { text: '0\n' },
			format: { event: 'config:0-15' },
		},
		{ name: 'folder', link: { error: 'EINVAL' }, type: { error: 'EISDIR' }, cpus: { error: 'ENOENT' } },
		{ name: 'odd', link: { text: 'x' }, type: { text: '' }, cpus: { error: 'EIO' } },
	]);
	t.deepEqual(facts.other, { perf_event_paranoid: '2', kernel_arguments: 'kvm-arm.mode=nvhe' });
});

test("KVM's own answers", t => {
	const kvm = [
		'open 0',
		'api 12',
		'cap-pmu-v3 1',
		'cap-el2 1',
		'vcpu 0',
		'gic 2 19',
		'gic 3 0',
		...['0 0', '1 0', '2 0', '3 0', '4 6', '5 0'].map(answer => `attribute ${answer}`),
		'type 1 6',
		'type 10 0',
		'type 11 113',
		'strict 22',
		'cpu 0 0',
		'cpu 1 19',
		'cpu 2 0',
		'end',
	];
	const facts = factsFromScript(board, printed({ kvm }), '');
	t.deepEqual(facts.kvm, {
		present: true,
		usable: 'yes',
		pmuV3: 'yes',
		setPmu: 'yes',
		setNrCounters: 'no',
		filter: 'yes',
		attribute5: 'yes',
		pmuV3Strict: 'no',
		scratchVcpu: 'yes',
		setPmuTypes: { 1: 'ENXIO', 10: 'ok', 11: 'errno 113' },
		vcpuInitCpus: '0,2',
	});
	t.like(facts.other, { gic: 'v3', nested: 'yes' });
});

test('where vCPUs with the default event source counted is put together, CPUs of a kind as one', t => {
	const asked = (...lines: string[]) => factsFromScript(board, printed({ kvm: ['open 0', ...lines, 'end'] }), '').kvm;
	const counts = (...lines: string[]) => asked(...lines).defaultCounts;
	t.is(counts(), undefined, 'a kvm-facts that does not measure');
	t.deepEqual(counts('default 0 0 20017', 'default 1 1 20101', 'default 1 0 20013'), [
		{ madeOn: '0-1', counted: '0-1', stopped: '' },
	]);
	t.deepEqual(counts('default 0 0 20017', 'default 0 1 0', 'default 1 1 20101', 'default 1 0 0'), [
		{ madeOn: '0', counted: '0', stopped: '1' },
		{ madeOn: '1', counted: '1', stopped: '0' },
	]);
	t.deepEqual(
		counts(
			'default 0 0 9',
			'default 0 4 0',
			'default 3 3 9',
			'default 3 0 9',
			'default 3 4 0',
			'default 4 4 9',
			'default 4 0 0',
		),
		[
			{ madeOn: '0,3', counted: '0,3', stopped: '4' },
			{ madeOn: '4', counted: '4', stopped: '0' },
		],
	);
	t.deepEqual(counts('default-failed 0 22', 'default-failed 1 62'), { unknown: 'guest code could not be run: EINVAL' });
	t.deepEqual(counts('default-failed 0 62', 'default 1 1 5'), [{ madeOn: '1', counted: '1', stopped: '' }]);
	t.deepEqual(counts('default 0 99999 5', 'default x 1 5', 'default 1 1'), undefined);
});

test('a vCPU with the fixed counters alone is described as its guest saw it', t => {
	const asked = (...lines: string[]) =>
		factsFromScript(board, printed({ kvm: ['open 0', ...lines, 'end'] }), '').kvm.fixedCounters;
	t.is(asked('attribute 5 6'), undefined);
	const pmcr = String(0x41003041);
	t.deepEqual(
		asked('fixed 0', 'fixed-pmceid 0', `fixed-pmcr ${pmcr}`, 'fixed-counts 0 20017', 'fixed-counts 1 20101'),
		{
			...{ eventCounters: 6, cyclesListed: false, counted: '0-1', stopped: '' },
		},
	);
	t.deepEqual(
		asked('fixed 0', 'fixed-pmceid 131072', 'fixed-pmcr 1090519104', 'fixed-counts 0 9', 'fixed-counts 1 0'),
		{
			...{ eventCounters: 0, cyclesListed: true, counted: '0', stopped: '1' },
		},
	);
	t.deepEqual(asked('fixed 16'), { unknown: 'attribute 5 could not be set: EBUSY' });
	t.deepEqual(asked('fixed 0', 'fixed-failed 62'), {
		unknown: 'guest code could not be run with the fixed counters alone: ETIME',
	});
});

test('without SET_PMU the refusal of every type says nothing of the event sources', t => {
	const kvm = ['open 0', 'cap-pmu-v3 1', 'vcpu 0', 'attribute 3 6', 'type 10 6', 'end'];
	t.deepEqual(factsFromScript(board, printed({ kvm }), '').kvm.setPmuTypes, {});
});

test('what KVM was not asked is unknown, and says why', t => {
	const asked = (options: Parameters<typeof printed>[0]) => factsFromScript(board, printed(options), '').kvm;
	t.like(asked({}), { present: true, usable: { unknown: 'no kvm-facts program was given' } });
	t.like(asked({ kvm: ['open 0', 'cap-pmu-v3 1'] }), { pmuV3: { unknown: 'kvm-facts was cut off' } });
	t.like(asked({ kvm: ['open 13', 'end'] }), {
		usable: 'no',
		setPmu: { unknown: '/dev/kvm cannot be opened: EACCES' },
	});
	t.like(asked({ present: false }), { present: false, usable: 'no', pmuV3: { unknown: 'there is no /dev/kvm' } });
	t.like(asked({ machine: 'x86_64' }), {
		usable: 'no',
		setPmu: { unknown: '/dev/kvm of this machine (x86_64) says nothing about Arm guests' },
	});
});

test('output that was cut off is the host to blame, never facts', t => {
	const whole = printed();
	for (const length of [0, 10, whole.indexOf('links'), whole.indexOf('\nfiles')]) {
		t.throws(() => factsFromScript(board, whole.slice(0, length), ''), {
			name: 'VpmuError',
			message: /board:biglittle.*cut off/,
		});
	}
});

test('a host without sh is the host to blame', async t => {
	const run = async () => ({
		status: 127,
		signal: null,
		stdout: Buffer.of(),
		stderr: Buffer.from('no such file: sh\n'),
	});
	const error = await t.throwsAsync(readHostFacts({ ...board, run }), {
		name: 'VpmuError',
		message: /sh ended with status 127/,
	});
	t.like(error, { blame: 'host', evidence: ['no such file: sh'] });
});
