import { choiceNeeded, pmuTest } from '../../harness/test.ts';

pmuTest(
	'a pmu value that is no event source of KVM is refused',
	{
		selection: 'full',
		pmu: ['0', '1', '2', '3', '4', '5', '9999', '4294967295', '4294967296', '18446744073709551615', '-1', 'text', ''],
		skip: choiceNeeded,
	},
	async (_t, cell) => {
		await cell.startWithoutBoot();
	},
);
