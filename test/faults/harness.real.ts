import { fault } from './testing/fault.ts';

fault('case with a mistake', ({ run }) => run(['fault/throws']));

fault('case whose demand is not met', ({ run }) => run(['fault/asserts']));

fault('case that ends its worker', ({ run }) => run(['fault/exits']));

fault('case that never ends', ({ run }) => run(['fault/loops', '--silence', '5']));

fault('case file that cannot be imported', ({ run }) =>
	run(['fault/broken'], { cases: 'test/faults/testing/broken-cases' }),
);

fault('reader of standard output gone', ({ run }) => run(['fault/asserts'], { rest: '| true' }));

fault('standard output on a full disk', ({ run }) => run(['fault/asserts'], { rest: '>/dev/full' }));

fault('terminal closed', ({ run }) => run(['fault/asserts'], { rest: '<&- >&- 2>&-' }));

fault('TMPDIR that does not exist', ({ run }) => run(['fault/asserts'], { env: { TMPDIR: '/nonexistent' } }));
