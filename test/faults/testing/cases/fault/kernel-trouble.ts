import path from 'node:path';
import { pmuTest } from '../../../../../harness/test.ts';
import { FaultyKernel, gdbArguments, type KernelFault, provoke } from '../../../../../src/guest/testing/gdb-stub.ts';

const faults: readonly KernelFault[] = ['warning', 'null-pointer', 'bug'];

pmuTest(
	"the guest's kernel hits a real fault, and continues to count",
	{ accel: ['tcg'], variant: faults },
	async (_t, cell) => {
		await using folder = await cell.host.makeFolder();
		const gdb = path.join(folder.path, 'gdb');
		const guest = await cell.boot({ spec: { extra: gdbArguments(gdb) } });
		const kernel = await FaultyKernel.open(guest.shell, gdb);
		await kernel.plant(cell.axes.variant as KernelFault);
		await guest.shell.run(provoke);
		await kernel.mend();
		await guest.count(['cycles']);
	},
);
