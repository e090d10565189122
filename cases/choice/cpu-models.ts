import { pmuTest } from '../../harness/test.ts';

/** Main ID registers (part numbers) of the cores that KVM accepts under QEMU's name for them. */
const partOf: Readonly<Record<string, number>> = { 'cortex-a53': 0xd03, 'cortex-a57': 0xd07 };

pmuTest(
	"CPU models host, max and the host's own name have the same PMU",
	{
		selection: 'full',
		cpu: ['host', 'max', 'cortex-a57', 'cortex-a53'],
		skip: ({ cpu, facts }) => {
			const part = partOf[cpu];
			const midrs = Object.values(facts.cpus.midr);
			if (part === undefined || midrs.some(midr => ((Number.parseInt(midr, 16) >> 4) & 0xfff) === part))
				return undefined;
			return `needs a ${cpu} host, since KVM accepts the name only there; ${facts.host} has ${[...new Set(midrs)].join(', ') || 'CPUs that it does not name'}`;
		},
	},
	async (_t, cell) => {
		const guest = await cell.boot();
		await guest.count(['cycles']);
	},
);
