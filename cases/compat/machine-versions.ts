import { deviceTreeChanges, pmuTest } from '../../harness/test.ts';

pmuTest(
	'every machine version of a QEMU without the PMU choice has the same PMU in a QEMU with it',
	{ selection: 'full', topology: ['biglittle'], reference: 'debian:trixie', needs: { choice: true } },
	async (t, cell) => {
		await cell.startWithoutBoot();
		const offered = (machines: readonly { readonly name: string }[]) =>
			machines.map(machine => machine.name).filter(name => /^virt-\d/.test(name));
		const known = new Set(offered(cell.reference!.machines));
		const common = offered(cell.qemu.machines).filter(name => known.has(name));
		t.true(common.length > 0, 'the two have no machine version in common');
		for (const machine of common) {
			const own = cell.predict({ machine });
			if (own.rule !== 'backcompat') {
				// The newest version of this build has the new choice; all earlier ones must not change.
				cell.expect(
					machine === newest(offered(cell.qemu.machines)),
					`${machine} is older than the choice, but not compatible (${own.rule})`,
				);
				continue;
			}
			const [before, after] = await Promise.all([
				cell.startBeside({ machine, reference: true }),
				cell.startBeside({ machine }),
			]);
			const [one, other] = await Promise.all([cell.deviceTree(before), cell.deviceTree(after)]);
			const changes = deviceTreeChanges(one, other);
			cell.expect(changes.length === 0, `${machine}: ${changes.join(' ')}`);
			// The oldest version is from before the PMU.
			const hasPmu = one.root.children.some(node => node.name === 'pmu');
			cell.expect(hasPmu === (machine !== 'virt-2.6'), `${machine} has ${hasPmu ? 'a' : 'no'} PMU`);
			await Promise.all([before.shutdown(), after.shutdown()]);
		}
	},
);

function newest(names: readonly string[]): string | undefined {
	return names.toSorted(new Intl.Collator('en', { numeric: true }).compare).at(-1);
}
