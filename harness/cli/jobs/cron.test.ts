import { isValidCron } from '@actions/workflow-parser/model/converter/cron';
import test from 'ava';
import * as fc from 'fast-check';
import { isCron } from './cron.ts';

const valid = [
	'17 2 * * *',
	'*/15 0-6 1,15 JAN-mar mon-FRI',
	'0 0 * 12 0',
	'5,10-20/2 3 31 * sun',
	' 0 0 * * *'.trim(),
];
const invalid = [
	...['x', '', '* * * *', '* * * * * *', '@daily', '60 2 * * *', '0 24 * * *', '0 0 0 * *', '0 0 * 13 *', '0 0 * * 7'],
	...[
		'*/0 * * * *',
		'5-2 * * * *',
		'1, * * * *',
		'1-2-3 * * * *',
		'1/2/3 * * * *',
		'-1 * * * *',
		'1.5 * * * *',
		'0x1 * * * *',
	],
	...['0 0 * foo *', '0 0 mon * *', '0 0 * * constructor', '0 0 L * *', '0 0 ? * *', '0\n0 * * *', '0 0 * * *\n'],
];

test('a line of cron has five fields of numbers, lists, ranges, steps and names, each in its range', t => {
	for (const text of valid) t.true(isCron(text), text);
	for (const text of invalid) t.false(isCron(text), text);
});

test("what is accepted is accepted by GitHub's own parser too", t => {
	for (const text of valid) t.true(isValidCron(text), text);
	const field = fc.string({ unit: fc.constantFrom(...'0123579*,-/', 'mon', 'FRI', 'jan'), minLength: 1, maxLength: 6 });
	fc.assert(
		fc.property(fc.array(field, { minLength: 5, maxLength: 5 }), fields => {
			const text = fields.join(' ');
			if (isCron(text)) t.true(isValidCron(text), text);
			for (const [at, one] of fields.entries()) {
				const alone = ['*', '*', '*', '*', '*'].with(at, one).join(' ');
				if (isCron(alone)) t.true(isValidCron(alone), alone);
			}
		}),
		{ numRuns: 2000 },
	);
});
