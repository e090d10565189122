import test from 'ava';
import { openCache } from '../image/index.ts';
import { startBoard } from './start.ts';
import { chosenCpus, layOut, loadTopology } from './topology.ts';

/** Number of CPUs, if not the topology's own. */
const boards: readonly (readonly [name: string, cpus?: number])[] = [
	['uniform'],
	['uniform', 1],
	['none'],
	['biglittle-swapped'],
	['biglittle', 8],
	['three-clusters'],
	['overlap'],
	['overlap-swapped'],
	['partial'],
	['offline'],
];

/** The kernel's PMU names by `compatible`. */
const eventSource = (compatible: string) =>
	`armv8_${compatible.replace(/^arm,/, '').replace(/-pmu$/, '').replace('-', '_')}`;

for (const [name, cpus] of boards) {
	test.serial(
		`the kernel of ${name}${cpus === undefined ? '' : ` with ${cpus} CPUs`} matches the description`,
		async t => {
			t.timeout(600_000);
			const layout = layOut(await loadTopology(name), cpus);
			await using board = await startBoard({
				cache: await openCache(),
				topology: name,
				...(cpus === undefined ? {} : { cpus }),
			});
			const look =
				'for d in /sys/bus/event_source/devices/armv8*; do [ -e $d ] && echo "$(basename $d) $(cat $d/type) $(cat $d/cpus) $(readlink $d)"; done; cat /sys/devices/system/cpu/online';
			const { stdout } = await board.run(['sh', '-c', look], { timeoutMs: 60_000 });
			const lines = stdout.toString().trim().split('\n');
			const online = chosenCpus(lines.pop()!, layout.cpus);
			t.deepEqual(
				online,
				chosenCpus('all', layout.cpus).filter(cpu => !layout.offline.includes(cpu)),
			);
			const seen = lines.map(line => {
				const [source, type, list, link] = line.split(' ') as [string, string, string, string];
				return { source, type: Number(type), cpus: chosenCpus(list, layout.cpus), device: link.split('/').at(-2) };
			});
			const described =
				layout.pmus === 'none'
					? []
					: layout.pmus === 'stock'
						? // A PMU keeps the CPUs that are taken offline after it was probed (Linux, drivers/perf/arm_pmu.c, cpus_show).
							[{ source: 'armv8_pmuv3', cpus: chosenCpus('all', layout.cpus), device: 'pmu' }]
						: layout.pmus.map(pmu => ({ source: eventSource(pmu.compatible), cpus: pmu.cpus, device: pmu.node }));
			// The kernel assigns types in node order, from the first free one (10).
			t.deepEqual(
				seen.sort((a, b) => a.type - b.type),
				described.map((pmu, index) => ({ ...pmu, type: 10 + index })),
			);
		},
	);
}
