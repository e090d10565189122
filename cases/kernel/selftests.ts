import { runOwnTest, selftestNames, vmTest } from '../../harness/test.ts';

vmTest(
	"the kernel's own tests of vCPUs' PMUs pass on the host's kernel",
	{
		variant: selftestNames,
		selection: 'full',
		perHost: true,
		needs: { selftests: true },
	},
	async (_t, cell) => {
		await runOwnTest(cell);
	},
);
