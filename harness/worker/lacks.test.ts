import test from 'ava';
import type { HostFacts } from '../../src/pmu/index.ts';
import { bigLittle, none, uniform } from '../../src/pmu/testing/facts.ts';
import type { Matrix } from '../plan/matrix.ts';
import type { Cell } from '../plan/plan.ts';
import type { Lease } from '../protocol/lease.ts';
import { lacksHere } from './lacks.ts';

const machines = [{ name: 'virt-rhel9.6.0', alias: 'virt' }, { name: 'virt-rhel9.4.0' }, { name: 'none' }];

function lacks(matrix: Matrix, facts: HostFacts, cell: Partial<Cell> = {}, hasPmuChoice = true): string | undefined {
	return lacksHere(matrix, {
		cell: { accel: 'kvm', topology: null, pmu: null, machine: 'virt', selftests: null, ...cell } as Cell,
		lease: {
			qemu: { version: '10.0.13' },
			inspection: { machines, pmuChoice: { has: hasPmuChoice } },
		} as unknown as Lease,
		facts,
		host: 'lab',
	});
}

test('a real host must match a topology of the case, even if the plan was made for a board', t => {
	t.is(lacks({ topology: ['biglittle'] }, uniform), 'needs a host like biglittle; lab is like uniform');
	t.is(lacks({ topology: ['biglittle'] }, bigLittle), undefined);
	t.is(lacks({ topology: ['uniform'], otherTopologies: ['biglittle'] }, bigLittle), undefined);
	t.is(lacks({}, bigLittle), undefined);
	t.is(lacks({ topology: ['biglittle'] }, uniform, { topology: 'biglittle' }), undefined);
	t.is(lacks({ topology: ['biglittle'] }, none, { accel: 'tcg' }), undefined);
});

test('a missing PMU choice, PMU or event source is named', t => {
	t.regex(lacks({ needs: { choice: true } }, uniform, {}, false)!, /needs a QEMU with the PMU choice; 10\.0\.13/);
	t.is(lacks({ needs: { choice: true } }, uniform), undefined);
	t.regex(lacks({ needs: { choice: true }, pmu: ['armv8_x'] }, uniform, { pmu: 'armv8_x' }, false)!, /the PMU choice/);
	t.is(lacks({ pmu: ['10'] }, uniform, { pmu: '10' }), undefined);
	t.is(lacks({}, uniform, { pmu: '#1' }), 'needs 2 CPU PMUs; lab has armv8_pmuv3_0');
	t.is(lacks({}, none, { pmu: '#0' }), 'needs a CPU PMU; lab has none');
	t.regex(lacks({ needs: { selftests: true } }, uniform)!, /^needs the kernel's own tests/);
	t.is(lacks({ needs: { selftests: true } }, uniform, { selftests: '/k/selftests' }), undefined);
	const pmu = 'armv8_cortex_a72';
	t.regex(lacks({ pmu: [pmu] }, uniform, { pmu })!, /needs the event source armv8_cortex_a72; .*armv8_pmuv3_0/);
	t.is(lacks({ pmu: [pmu] }, bigLittle, { pmu }), undefined);
	t.is(
		lacks({}, uniform, { pmu }),
		undefined,
		"a missing event source named by the user is the user's error, not a skip",
	);
});

test('a machine type that this QEMU lacks is named, with those it has', t => {
	t.is(
		lacks({}, uniform, { machine: 'virt-9.2' }),
		'needs machine type virt-9.2; QEMU 10.0.13 has virt-rhel9.6.0, virt-rhel9.4.0',
	);
	t.is(lacks({}, uniform, { machine: 'virt-rhel9.4.0' }), undefined);
});
