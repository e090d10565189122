import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dir } from 'tmp-promise';
import { openCache } from '../../src/image/index.ts';
import { unless } from '../../src/lib/testing/unless.ts';
import { situations } from '../neighbours/situations.ts';
import { choiceIn, runChoices, wrongChoice } from './choose/choose.ts';
import { tableOf, toldBy, unlikePredicted } from './choose/table.ts';
import { wrongBuilds } from './wrong.ts';

const docs = path.resolve(import.meta.dirname, '../../docs/false-proof.md');
const series = process.env.VPMU_CHOICE_SERIES;
const tried = unless(series === undefined ? 'VPMU_CHOICE_SERIES names no series that chooses a PMU' : undefined);

tried('the choice of the posted series comes to what is predicted, and each wrong one is told by a cell', async t => {
	const choice = choiceIn(await readFile(series!, 'utf8'));
	const wrong = wrongBuilds.flatMap(one => {
		const text = wrongChoice(choice, one);
		return text === undefined ? [] : [{ name: one.name, text }];
	});
	const all = await situations();
	const { path: work, cleanup } = await dir({ prefix: 'vpmu-choices-', unsafeCleanup: true });
	t.teardown(cleanup);
	const [posted, ...others] = await runChoices(await openCache(), work, [choice, ...wrong.map(one => one.text)], all);
	t.deepEqual(unlikePredicted(posted!, all), []);
	const told = toldBy(
		wrong.map(one => one.name),
		posted!,
		others,
		all,
	);
	t.deepEqual(
		told.filter(one => one.by.length === 0).map(one => one.name),
		[],
	);
	const text = await readFile(docs, 'utf8');
	const marked = /(<!-- wrong builds -->\n\n)[\s\S]*(\n\n<!-- end of wrong builds -->)/;
	t.regex(text, marked);
	const table = tableOf(told);
	if (process.env.VPMU_WRITE_TABLE === '1') {
		await writeFile(
			docs,
			text.replace(marked, (_, begin, end) => `${begin}${table}${end}`),
		);
	}
	t.true((await readFile(docs, 'utf8')).includes(table), `docs/false-proof.md should have this table:\n${table}`);
});
