import { pmuTest } from '../../harness/test.ts';

const groupOf = (variant: string | null) => Number(variant?.replace('group ', ''));

pmuTest(
	"KVM's default counts on the CPUs where the guest was started, whichever group that is",
	{
		selection: 'full',
		topology: ['biglittle', 'three-clusters'],
		machine: ['virt-9.2'],
		variant: ['group 0', 'group 1', 'group 2'],
		skip: ({ groups, variant }) =>
			groups[groupOf(variant)] === undefined
				? `needs ${variant}; the groups here are ${groups.join(' and ')}`
				: undefined,
	},
	async (_t, cell) => {
		const home = cell.groups[groupOf(cell.axes.variant)]!;
		cell.requiredCpus = home;
		const guest = await cell.boot({ affinity: home });
		await guest.count(['cycles'], { pinned: home });
	},
);
