import test from 'ava';
import { assertLinear } from './linear.ts';
import { readers } from './readers/index.ts';

const size = 8 * 1024 * 1024;

for (const [name, { read, worst }] of Object.entries(readers)) {
	for (const [what, make] of Object.entries(worst)) {
		test.serial(`8 MiB are read in linear time: ${name}: ${what}`, async t => {
			await assertLinear(t, make, read, size);
		});
	}
}
