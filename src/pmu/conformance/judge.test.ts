import test from 'ava';
import { parseAnswers } from './answers.ts';
import { askKvm } from './ask.ts';
import { describeConformance } from './describe.ts';
import { conformanceRules, judgeConformance } from './judge.ts';

const errno: Readonly<Record<string, number>> = {
	ok: 0,
	ENOENT: 2,
	ENXIO: 6,
	EFAULT: 14,
	EBUSY: 16,
	ENODEV: 19,
	EINVAL: 22,
};

/** What the script prints on a host with two PMUs that answers by every rule, with some answers changed or left out. */
function printed({
	release = '7.3.4',
	changed = {} as Readonly<Record<string, number | null>>,
	more = [] as readonly string[],
} = {}) {
	const checks = conformanceRules.map(({ id, expected }) => {
		const right = (): number => {
			if (expected.kind === 'answer') return errno[expected.names[0]!]!;
			if (expected.kind === 'value') return Number(expected.is);
			return expected.kind === 'events' ? 2 ** 0x11 + 2 ** 0x1e + 1 : 1;
		};
		const value = changed[id] === undefined ? right() : changed[id];
		return value === null ? '' : `check ${id} ${value}`;
	});
	return [
		'Welcome to this machine',
		'vpmu-conformance-script 1',
		`uname ${release} aarch64`,
		'kvm-present',
		...['source 10 0', 'event 10 0x0011', 'event 10 0x0023', 'source 11 1', 'event 11 0x0008'],
		...['open 0', 'cap-pmu-v3 1', 'home 10 0', 'elsewhere 11 1', 'fixed 1'],
		...checks,
		...more,
		'end',
		'',
	].join('\n');
}

function judged(options: Parameters<typeof printed>[0] = {}, log: readonly string[] | null = []) {
	return judgeConformance('board:biglittle', parseAnswers('board:biglittle', printed(options))!, log);
}

const deviating = (options: Parameters<typeof printed>[0]) =>
	judged(options)
		.checks.filter(({ status }) => status === 'deviates')
		.map(({ id, observed }) => `${id} ${observed}`);

test('every rule has an id of its own, a function of the kernel and words', t => {
	const ids = conformanceRules.map(rule => rule.id);
	t.is(new Set(ids).size, ids.length);
	for (const { id, what, where } of conformanceRules) {
		t.regex(id, /^[a-z0-9-]+(\.[a-z0-9-]+)+$/);
		t.regex(where, /^arch\/arm64\/kvm\/[a-z_-]+\.c: /, id);
		t.true(what.length > 2, id);
	}
});

test('a kernel that answers by every rule deviates nowhere', t => {
	const found = judged();
	t.deepEqual(
		found.checks.filter(({ status }) => status === 'deviates'),
		[],
	);
	t.is(found.deviations, 0);
	t.is(found.fixedCounters, 'v7');
	t.true(found.checks.filter(({ status }) => status === 'as-ruled').length > 130);
});

test('each rule is told when its answer is another one', t => {
	for (const { id, expected } of conformanceRules) {
		// 62 is no right answer and no right count; nothing is counted where something should be.
		const wrong = expected.kind === 'counts' || expected.kind === 'events' ? 0 : 62;
		// What decides whether others are asked is judged by the next tests.
		if (expected.kind === 'told' || id === 'has.nr-counters' || id === 'strict.alone') continue;
		t.true(deviating({ changed: { [id]: wrong } }).includes(`${id} ${shownAs(expected.kind, wrong)}`), id);
	}
});

function shownAs(kind: string, value: number) {
	if (kind === 'answer') return 'ETIME';
	if (kind === 'holds') return 'no';
	return kind === 'events' ? '0x0' : String(value);
}

test('a check without an answer deviates, and one whose guest code hangs says so', t => {
	t.deepEqual(deviating({ changed: { 'run.counts': null } }), ['run.counts null']);
	const hung = judged({ changed: { 'run.counts': null }, more: ['failed run.counts 62'] });
	t.like(
		hung.checks.find(({ id }) => id === 'run.counts'),
		{ status: 'deviates', observed: 'ETIME', why: 'guest code did not end within 10 s' },
	);
});

test('a rule of a later version is told, not judged, and so are rules if a distribution backports', t => {
	const changed = { 'pmcr.n-lowered': 6, 'has.set-pmu': 6 };
	t.deepEqual(deviating({ release: '6.7.0', changed }), ['has.set-pmu ENXIO', 'pmcr.n-lowered 6']);
	t.deepEqual(deviating({ release: '6.6.9', changed }), ['has.set-pmu ENXIO']);
	t.deepEqual(deviating({ release: '5.14.0-503.el9.aarch64', changed }), []);
});

test('an event that PMCEID0 shows one bit beside its place is named', t => {
	const found = judged({ changed: { 'run.pmceid0': 2 ** 0x12 } });
	const check = found.checks.find(({ id }) => id === 'run.pmceid0');
	t.is(check?.why, "compared with the host's sysfs, event 0x11 is missing, 0x12 is too many");
});

test('a PMU whose events have numbers of its own is not judged by the events', t => {
	const apple = printed({ changed: { 'run.pmceid0': 2 ** 0x11 } }).replaceAll('event 10 0x0011', 'event 10 0x02');
	t.is(judgeConformance('a', parseAnswers('a', apple)!, []).deviations, 0);
});

test('an overflow is not asked for if two event sources share the counters', t => {
	const hung = { changed: { 'count.overflow': null }, more: ['failed count.overflow 62'] };
	t.deepEqual(deviating(hung), ['count.overflow ETIME']);
	const shared = printed(hung).replace('source 11 1', 'source 11 0-1');
	t.is(judgeConformance('a', parseAnswers('a', shared)!, []).deviations, 0);
});

test('if no vCPU can be made, that is the only deviation', t => {
	t.deepEqual(deviating({ changed: { 'vcpu.init': 22 } }), ['vcpu.init EINVAL']);
	const found = judged({ changed: { 'vcpu.init': 22 } });
	t.is(found.checks.filter(({ status }) => status === 'not-asked').length, conformanceRules.length - 1);
});

test('the posted versions of attribute 5 are told apart, and a mixture of them deviates', t => {
	const busy = { 'fixed.then-set-pmu': 16, 'fixed.after-set-pmu': 16, 'fixed.then-filter': 16 };
	t.is(judged({ changed: busy }).fixedCounters, 'v8');
	t.deepEqual(deviating({ changed: { ...busy, 'fixed.then-filter': 0 } }), ['fixed.form EBUSY, EBUSY, ok']);
});

test('what a host lacks is not asked, with the reason', t => {
	const uniform = printed().replace('elsewhere 11 1\n', '').replace('fixed 1\n', 'fixed 0\n');
	const found = judgeConformance('a', parseAnswers('a', uniform)!, []);
	t.is(found.deviations, 0);
	const why = (id: string) => found.checks.find(check => check.id === id)?.why;
	t.is(why('shared.outside'), 'this host has no second PMU with CPUs of its own');
	t.is(why('fixed.set'), 'the kernel has no attribute 5 for the fixed counters');
	t.is(found.fixedCounters, 'none');
});

test('what the kernel logs meanwhile deviates; a log that cannot be read is said', t => {
	const warned = judged({}, ['WARNING: CPU: 0 PID: 9 at arch/arm64/kvm/pmu-emul.c:640']);
	t.is(warned.deviations, 1);
	t.regex(describeConformance(warned), /DEVIATES {2}kernel-log: .*\n {10}WARNING: CPU: 0/);
	t.regex(describeConformance(judged({}, null)), /the kernel log could not be read/);
});

test('a deviation is described with the rule, the function and the version', t => {
	const text = describeConformance(judged({ changed: { 'set-pmu.unknown-type': 0 } }));
	t.regex(
		text,
		/DEVIATES {2}set-pmu\.unknown-type: SET_PMU with a type that no event source has: ENXIO expected, ok observed/,
	);
	t.regex(text, /arch\/arm64\/kvm\/pmu-emul\.c: kvm_arm_pmu_v3_set_pmu, since Linux 5\.18/);
	t.regex(text, /\d+ as the kernel's source says, 1 not, /);
	t.regex(describeConformance(judged(), true), /as ruled {2}set-pmu\.first: SET_PMU with a CPU's PMU: ok/);
});

test('a host whose KVM cannot be asked, or has no PMU, is refused with the reason', async t => {
	const host = (text: string) => ({
		...{ name: 'a', topology: null },
		run: async () => ({ status: 1, signal: null, stdout: Buffer.from(text), stderr: Buffer.from('sh: broken') }),
	});
	const refused = async (text: string, message: RegExp) => {
		const error = await t.throwsAsync(askKvm(host(text), '/tool'));
		t.regex(error!.message, message);
		t.like(error, { blame: 'host' });
	};
	const head = 'vpmu-conformance-script 1\nuname 6.12 aarch64\nkvm-present\n';
	await refused(head.replace('present', 'absent'), /there is no \/dev\/kvm/);
	await refused(head.replace('aarch64', 'x86_64'), /of this machine \(x86_64\) says nothing about Arm guests/);
	await refused(`${head}open 13\nend\n`, /cannot be opened: EACCES/);
	await refused(`${head}open 0\ncap-pmu-v3 0\nend\n`, /offers guests no PMU/);
	await refused(`${head}open 0\ncap-pmu-v3 1\n`, /did not come to its end \(status 1\)/);
	await refused('', /did not come to its end/);
	await refused(printed().repeat(2000), /did not come to its end/);
});
