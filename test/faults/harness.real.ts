import { fault } from './testing/fault.ts';

fault('case with a mistake', ({ run }) => run(['fault/throws']));

fault('case whose demand is not met', ({ run }) => run(['fault/asserts']));

fault('case that ends its worker', ({ run }) => run(['fault/exits']));

fault('case that never ends', ({ run }) => run(['fault/loops', '--silence', '5']));

fault('case file that cannot be imported', ({ run }) =>
	run(['fault/broken'], { cases: 'test/faults/testing/broken-cases' }),
);
