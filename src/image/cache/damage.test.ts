import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { dir } from 'tmp-promise';
import * as v from 'valibot';
import { VpmuError } from '../../lib/errors.ts';
import { openCache } from './cache.ts';
import { damageOfJson, readKept } from './identity.ts';
import { listCache } from './inventory.ts';
import type { CacheKind } from './kinds.ts';

const shape = v.looseObject({ speed: v.number() });
const layout = (kept: string) => path.join(kept, 'layout.json');

/** One entry of each form that the cache holds, and how it is made and read. */
const things: readonly {
	readonly kind: CacheKind;
	readonly make: (to: string) => Promise<void>;
	readonly read: (kept: string) => Promise<unknown>;
	readonly damage?: (kept: string) => Promise<string | undefined>;
}[] = [
	{ kind: 'snapshots', make: to => writeFile(to, 'memory'.repeat(100)), read: kept => readFile(kept, 'utf8') },
	{
		kind: 'calibrations',
		make: to => writeFile(to, '{"speed": 7}'),
		read: kept => readKept(kept, shape),
		damage: damageOfJson(shape),
	},
	{
		kind: 'roots',
		async make(to) {
			await mkdir(path.join(to, 'lib/deep'), { recursive: true });
			await writeFile(path.join(to, 'lib/deep/program'), 'program');
			await writeFile(layout(to), '{"speed": 8}');
		},
		read: async kept => [
			await readKept(layout(kept), shape),
			await readFile(path.join(kept, 'lib/deep/program'), 'utf8'),
		],
		damage: damageOfJson(shape, layout),
	},
];

const wrongTexts = [
	'',
	'null',
	'{}',
	'[]',
	'"x"',
	'7',
	'true',
	'{"speed": "x"}',
	'{"speed": null}',
	'{"speed"',
	'\0\0\0\0',
];
const isText = (file: string) => file.endsWith('.json') || file.includes('/calibrations/');

test('whichever file of the cache is emptied, truncated, removed or overwritten, the thing it belongs to is made again, with a message', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const whole = path.join(folder, 'whole');
	const open = async (root: string, told: string[] = []) =>
		await openCache({
			env: { VPMU_CACHE: root },
			onProgress: item => 'notice' in item && told.push(item.notice),
		});
	const use = async (root: string, told: string[]) => {
		const cache = await open(root, told);
		const found: unknown[] = [];
		for (const { kind, make, read, damage } of things) {
			const makes = async (to: string) => {
				await make(to);
				return { label: kind };
			};
			found.push(await read(await cache.keep(kind, 'thing', makes, damage)));
			t.is((await cache.record(kind, 'thing')).label, kind);
		}
		return found;
	};
	const expected = await use(whole, []);
	const files = (await readdir(whole, { recursive: true, withFileTypes: true }))
		.filter(entry => entry.isFile() && !entry.parentPath.endsWith('/locks'))
		.map(entry => path.relative(whole, path.join(entry.parentPath, entry.name)));
	t.is(files.length, 7);
	let number = 0;
	await fc.assert(
		fc.asyncProperty(
			fc.constantFrom(...files),
			fc.constantFrom('empty', 'cut', 'removed', 'other'),
			fc.nat(100),
			async (file, how, choice) => {
				const root = path.join(folder, String(number++));
				await cp(whole, root, { recursive: true, preserveTimestamps: true });
				const damaged = path.join(root, file);
				const text = await readFile(damaged, 'utf8');
				if (how === 'removed') await rm(damaged);
				else if (how === 'empty') await writeFile(damaged, '');
				else if (how === 'cut') await writeFile(damaged, text.slice(0, choice % text.trimEnd().length));
				else if (isText(file)) await writeFile(damaged, wrongTexts[choice % wrongTexts.length]!);
				else await writeFile(damaged, `${text}more`);
				await t.notThrowsAsync(async () => await listCache(await open(root)));
				const told: string[] = [];
				t.deepEqual(await use(root, told), expected, `${file}, ${how}`);
				// A missing entry is simply made; a record with only a wrong label is not damage.
				if (how !== 'removed' && how !== 'other')
					t.regex(told.join('\n'), /of the cache is damaged \([^\n]+\) and is made again/);
				const again: string[] = [];
				t.deepEqual(await use(root, again), expected);
				t.deepEqual(again, []);
			},
		),
		{ numRuns: 60 },
	);
});

test('an unreadable record is named, with what to do', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const cache = await openCache({ env: { VPMU_CACHE: folder } });
	const kept = await cache.keep('images', 'thing', async to => {
		await writeFile(to, 'x');
		return {};
	});
	t.true((await stat(kept)).isFile());
	await writeFile(`${kept}.json`, 'null');
	const error = await t.throwsAsync(cache.record('images', 'thing'), { instanceOf: VpmuError });
	t.is(error.blame, 'image');
	t.regex(error.message, /thing\.json' of the cache is null; allowed: Object: run again, and it will be made again/);
});
