import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('a case file with a mistake', { accel: ['tcg'] }, () => undefined);
throw new Error('a mistake in the file');
