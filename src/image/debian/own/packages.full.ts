import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { unless } from '../../../lib/testing/unless.ts';
import { loadRecipe } from '../../build/recipe.ts';
import { openCache } from '../../cache/cache.ts';
import type { DebianArchive } from '../archive.ts';
import { hasApt, openAptArchive } from '../open.ts';
import { debianPackage } from '../packages.ts';
import type { Architecture } from '../pins.ts';
import { shippedKeyring } from '../sources.ts';
import { openOwnArchive } from './archive.ts';
import { packagesOf } from './control.ts';

const cache = await openCache();
const suites: readonly [string, Architecture][] = [
	['trixie', 'arm64'],
	['trixie', 'amd64'],
	['trixie-backports', 'arm64'],
	['bookworm', 'amd64'],
];
/** What vpmu asks for, and further packages with alternatives, virtual packages and long chains. */
const wanted: readonly (readonly string[])[] = [
	...[
		['qemu-system-arm'],
		['linux-image-arm64'],
		['openssh-server'],
		['slurmd'],
		['lava-dispatcher'],
		['gcc', 'make', 'meson'],
	],
	...[['default-mta'], ['gnome-core'], ['kde-standard'], ['texlive'], ['postgresql'], ['network-manager']],
	...[(await loadRecipe('guest')).packages, (await loadRecipe('board')).packages],
];

/** Every so many packages of the index are resolved too. */
const oneIn = 5000;

const withApt = unless(hasApt() ? undefined : 'no apt here to compare with', { serial: true });

for (const [suite, architecture] of suites) {
	withApt(`apt's choice of packages is ours: ${suite} ${architecture}`, async t => {
		const [apt, own] = [
			await (await openAptArchive(cache, suite, architecture)).update(true),
			await (await openOwnArchive(cache, suite, architecture)).update(true),
		];
		t.deepEqual(own.absent, apt.absent);
		const index = readFileSync(
			path.join(cache.root, `packages/own/${suite}-${architecture}/${suite}_Packages`),
			'utf8',
		);
		const sample = packagesOf(index).filter((_, at) => at % oneIn === 7);
		const chosen = async (archive: DebianArchive, names: readonly string[]) =>
			await archive.resolve(names).catch(error => String(error).replace(/: .*/s, ''));
		let same = 0;
		for (const names of [...wanted, ...sample.map(({ name }) => [name])]) {
			const [theirs, ours] = [await chosen(apt, names), await chosen(own, names)];
			t.deepEqual(ours, theirs, names.join(' '));
			if (typeof ours !== 'string') same++;
		}
		t.log(`${same} of ${wanted.length + sample.length} requests could be met, and gave the same packages`);
		t.true(same > 10);
	});
}

withApt('what dpkg-deb unpacks is what is unpacked without it', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const { suite, architecture, packages } = await loadRecipe('guest');
	const apt = await (await openAptArchive(cache, suite, architecture)).update(false);
	const own = await (await openOwnArchive(cache, suite, architecture)).update(false);
	const set = (await own.resolve(packages)).filter(({ sizeBytes }) => sizeBytes < 20_000_000).slice(0, 25);
	const [theirs, ours] = [path.join(folder, 'theirs'), path.join(folder, 'ours')];
	await apt.download(set, theirs);
	await own.download(set, ours);
	for (const { file } of set) {
		await apt.unpack(path.join(theirs, file), path.join(theirs, 'files', file));
		await own.unpack(path.join(ours, file), path.join(ours, 'files', file));
	}
	const { stdout, status } = spawnSync('diff', ['-r', '--no-dereference', theirs, ours], { encoding: 'utf8' });
	t.is(stdout, '');
	t.is(status, 0);
	const modes = (root: string) =>
		spawnSync('find', ['.', '-printf', '%p %M\n'], { cwd: root, encoding: 'utf8' }).stdout.split('\n').sort();
	t.deepEqual(
		modes(path.join(ours, 'files')).filter(line => !/ d/.test(line)),
		modes(path.join(theirs, 'files')).filter(line => !/ d/.test(line)),
	);
});

test.serial(
	"the keys that vpmu ships are those of Debian's package, which the archive's index vouches for",
	async t => {
		const found = await debianPackage(cache, {
			suite: 'trixie',
			architecture: 'amd64',
			name: 'debian-archive-keyring',
		});
		const theirs = readFileSync(path.join(found.folder, 'usr/share/keyrings/debian-archive-keyring.pgp'));
		t.true(theirs.equals(readFileSync(shippedKeyring)), found.version);
	},
);
