import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { copyCache } from '../testing/cache.ts';
import { vpmu } from '../testing/vpmu.ts';

/*
 * Damages every kind of file in a real, filled cache at random. Damaged files must be made again or named; damage must
 * not look like a defect of vpmu, and must not remain.
 */

let folder: string;
let remove: () => Promise<void>;
test.before(async () => {
	({ path: folder, cleanup: remove } = await dir({ prefix: 'vpmu-damage-', unsafeCleanup: true }));
});
test.after.always(() => remove());

interface Kind {
	/** Paths below the cache. */
	readonly files: RegExp;
	/** A command that reads them, besides `run`. */
	readonly list?: readonly string[];
}

const images = ['image', 'list'];

const kinds: Readonly<Record<string, Kind>> = {
	'guest image': { files: /^images\/guest-[0-9a-f]+$/, list: images },
	'record of an image': { files: /^images\/guest-[0-9a-f]+\.json$/, list: images },
	'record of a root': { files: /^roots\/qemu-system-[^/]+\.json$/, list: images },
	'layout of a root': { files: /^roots\/qemu-system-[^/]+\/vpmu-root\.json$/ },
	'program of a root': { files: /^roots\/qemu-system-[^/]+amd64[^/]+\/bin\/qemu-system-aarch64$/ },
	'library of a root': { files: /^roots\/qemu-system-[^/]+amd64[^/]+\/lib\/libc\.so\.6$/ },
	inspection: { files: /^inspections\/[0-9a-f]+$/ },
	'record of an inspection': { files: /^inspections\/[0-9a-f]+\.json$/, list: images },
	calibration: { files: /^calibrations\/[0-9a-f]+$/ },
	'record of a calibration': { files: /^calibrations\/[0-9a-f]+\.json$/, list: images },
	'chosen versions': { files: /^packages\/pins\/.*\.json$/ },
	"apt's index": { files: /^packages\/apt\/lists\/.*(InRelease|Packages)$/ },
	"apt's configuration": { files: /^packages\/apt\/[^/]+\/(apt\.conf|vpmu\.sources|status|index\.json)$/ },
	'record of a package': { files: /^packages\/[^/]+\.json$/, list: images },
	durations: { files: /^durations\.json$/, list: ['list', '--shard', '1/2'] },
	'compiled code': { files: /^compiled\/.*/ },
	lock: { files: /^locks\/.*/ },
	'board that is up': { files: /^boards\/.*\.json$/, list: ['board', 'list'] },
	'guest that is kept': { files: /^kept\/.*\.json$/, list: ['kept', 'list'] },
};

const json = [
	'null',
	'{}',
	'[]',
	'7',
	'"x"',
	'{"set": null}',
	'{"label": 5}',
	'{"uses": "x"}',
	'[{"a":',
	'\0'.repeat(512),
];

const damages: Readonly<Record<string, (bytes: Buffer) => Buffer | undefined>> = {
	emptied: () => Buffer.alloc(0),
	cut: bytes => bytes.subarray(0, randomInt(Math.max(1, bytes.length))),
	zeroed: bytes => Buffer.alloc(Math.min(bytes.length, 4096)),
	'other JSON': () => Buffer.from(json[randomInt(json.length)]!),
	junk: bytes => randomBytes(Math.min(bytes.length + 1, 5000)),
	removed: () => undefined,
};

/** A cache for tests, whose files are shared with the real one until replaced. */
async function makeCache(): Promise<string> {
	// It is searched and listed again and again, and what compiles QEMU and Linux has 20,000 files each.
	const cache = await copyCache(path.join(await mkdtemp(path.join(folder, 'cache-')), 'cache'), /^(qemu|linux)-build-/);
	await mkdir(path.join(cache, 'locks'), { recursive: true });
	await writeFile(path.join(cache, 'locks/packages+index.lock'), '');
	for (const kept of ['boards', 'kept']) {
		await mkdir(path.join(cache, kept), { recursive: true });
		await writeFile(path.join(cache, kept, 'uniform.json'), '{"keeperPid": 1, "keeperStarted": "1"}');
	}
	return cache;
}

/** The cache of the previous test, unless that test failed: a test that passes leaves no damage behind. */
let sound: string | undefined;

async function takeCache(): Promise<string> {
	const cache = sound ?? (await makeCache());
	sound = undefined;
	return cache;
}

async function damage(file: string, how: keyof typeof damages): Promise<void> {
	const bytes = damages[how]!(await readFile(file));
	await rm(file);
	if (bytes !== undefined) await writeFile(file, bytes);
}

for (const [kind, { files: pattern, list }] of Object.entries(kinds)) {
	test.serial(`a damaged ${kind} is made again or named`, async t => {
		t.timeout(900_000);
		const cache = await takeCache();
		const env = { VPMU_CACHE: cache, VPMU_CASES: 'test/faults/testing/cases', VPMU_FAULT_FOLDER: cache };
		const use = async () => {
			const out = path.join(cache, `run-${randomBytes(4).toString('hex')}`);
			const listed = list === undefined ? undefined : await vpmu(list, { env });
			return { run: await vpmu(['run', '--out', out, 'fault/boots'], { env }), listed };
		};
		// A copy has no durations and compiled code yet.
		const { run: first } = await use();
		t.is(first.status, 0, `before any damage:\n${first.stdout}${first.stderr}`);
		for (const how of Object.keys(damages)) {
			const files = (await readdir(cache, { recursive: true })).filter(name => pattern.test(name));
			const found = files.filter(name => !/\.(partial|new)$/.test(name));
			t.true(found.length > 0, `the cache has no ${kind}`);
			const chosen = kind === 'compiled code' ? [found[randomInt(found.length)]!] : found.slice(0, 20);
			for (const name of chosen) await damage(path.join(cache, name), how).catch(() => undefined);
			const { run, listed } = await use();
			const said = `${kind} ${how}:\n${run.stdout}${run.stderr}`;
			t.true(run.status === 0 || run.status === 69, said);
			t.notRegex(said, /a defect of vpmu itself|SyntaxError|TypeError/);
			t.is(listed?.status ?? 0, 0, `${kind} ${how}: ${listed?.stderr}`);
			if (run.status !== 0) {
				t.log(`${how}: ${run.stderr.split('\n')[0] ?? ''} ${/\b(host|image|qemu): .*/.exec(run.stdout)?.[0] ?? ''}`);
				const again = await use();
				t.is(again.run.status, 0, `${kind} ${how}, and again:\n${again.run.stdout}${again.run.stderr}`);
			}
		}
		sound = cache;
	});
}

test.serial("a board's damaged keys and snapshot are made again", async t => {
	t.timeout(1_200_000);
	const cache = await takeCache();
	const env = { VPMU_CACHE: cache };
	const snapshots = path.join(cache, 'snapshots');
	const run = async () => {
		const out = path.join(cache, `run-${randomBytes(4).toString('hex')}`);
		const end = await vpmu(
			['run', '--out', out, '--on', 'board:uniform', '--qemu', 'debian:trixie', 'pmu/default-counts'],
			{
				...{ env, timeoutMs: 600_000 },
			},
		);
		return { ...end, said: `${end.stdout}${end.stderr}` };
	};
	const first = (await readdir(snapshots)).find(name => /^board-uniform-[^.]*$/.test(name));
	for (const name of [
		'keys-1/client',
		'keys-1/known_hosts',
		'keys-1.json',
		...(first === undefined ? [] : [`${first}.json`]),
	]) {
		await damage(path.join(snapshots, name), 'emptied');
		const end = await run();
		t.is(end.status, 0, `${name}: ${end.said}`);
	}
	t.true(readFileSync(path.join(snapshots, 'keys-1/client'), 'utf8').length > 100);
});
