import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { unless } from '../../../src/lib/testing/unless.ts';
import { temporaryFolder, userEnvironment } from '../../../test/testing/vpmu.ts';

const root = path.resolve(import.meta.dirname, '../../..');

/** A PATH that leads to a few programs, and to no apt or dpkg. */
function pathWithoutApt(folder: string): string {
	const bin = path.join(folder, 'bin');
	mkdirSync(bin);
	for (const name of [
		'sh',
		'env',
		'setpriv',
		'flock',
		'tar',
		'ssh',
		'ssh-keygen',
		'gpgv',
		'unshare',
		'id',
		'mkdir',
		'rm',
	]) {
		const program = ['/usr/bin', '/bin'].map(own => path.join(own, name)).find(existsSync);
		if (program !== undefined) symlinkSync(program, path.join(bin, name));
	}
	return bin;
}

/** `vpmu doctor --json` with an empty cache. */
async function doctor(t: ExecutionContext, env: NodeJS.ProcessEnv, hasApt = true) {
	const folder = await temporaryFolder(t);
	const { status, stdout, stderr } = spawnSync(
		process.execPath,
		[path.join(root, 'harness/bin.mjs'), 'doctor', '--json'],
		{
			...{ encoding: 'utf8', timeout: 120_000 },
			env: {
				...{ ...userEnvironment(), VPMU_CACHE: path.join(folder, 'cache'), ...env },
				...(hasApt ? {} : { PATH: pathWithoutApt(folder) }),
			},
		},
	);
	t.is(stderr, '');
	const findings = JSON.parse(stdout) as { state: string; what: string; remedy?: string }[];
	return { status, finding: findings.find(({ what }) => what.startsWith('Debian packages'))! };
}

test('a mirror that does not answer is missing, with an empty cache', async t => {
	const { status, finding } = await doctor(t, { VPMU_DEBIAN_MIRROR: 'http://127.0.0.1:1/debian' });
	t.is(status, 69);
	t.is(finding.state, 'missing');
	t.regex(finding.what, /^Debian packages cannot be fetched \(the cache has no .*\): .*127\.0\.0\.1/);
});

test('a cache with only some of the packages of a run does not make up for a mirror that does not answer', async t => {
	const folder = await temporaryFolder(t);
	const pins = path.join(folder, 'cache/packages/pins');
	mkdirSync(pins, { recursive: true });
	chmodSync(path.join(folder, 'cache'), 0o700);
	const pin = {
		...{ suite: 'trixie', architecture: 'arm64', packages: ['busybox-static'], suites: ['trixie'], absent: [] },
		resolvedAt: new Date().toISOString(),
		set: [
			{
				name: 'busybox-static',
				version: '1',
				file: 'busybox-static_1_arm64.deb',
				sizeBytes: 1,
				sha256: '0'.repeat(64),
			},
		],
	};
	writeFileSync(path.join(pins, 'trixie-arm64-busybox-static-734213f911cc.json'), JSON.stringify(pin));
	const env = { VPMU_CACHE: path.join(folder, 'cache'), VPMU_DEBIAN_MIRROR: 'http://127.0.0.1:1/debian' };
	const { status, finding } = await doctor(t, env);
	t.is(status, 69);
	t.is(finding.state, 'missing');
});

test('without apt, as on Fedora, vpmu fetches packages itself, and doctor tries it', async t => {
	const { status, finding } = await doctor(t, { VPMU_DEBIAN_MIRROR: 'http://127.0.0.1:1/debian' }, false);
	t.is(status, 69);
	t.regex(finding.what, /cannot fetch http:\/\/127\.0\.0\.1:1\/debian\/dists\/trixie\/InRelease: .*ECONNREFUSED/);
	t.regex(finding.remedy ?? '', /^VPMU_DEBIAN_MIRROR=URI of a mirror that this machine reaches .*vpmu cache import/);
});

unless(spawnSync('unshare', ['-rm', 'true']).status === 0 ? undefined : 'no user namespaces here')(
	'on Ubuntu, whose apt has another archive, doctor says which variables to set',
	async t => {
		const folder = await temporaryFolder(t);
		const etc = path.join(folder, 'apt');
		mkdirSync(path.join(etc, 'sources.list.d'), { recursive: true });
		writeFileSync(
			path.join(etc, 'sources.list.d', 'ubuntu.sources'),
			'Types: deb\nURIs: http://archive.ubuntu.com/ubuntu/\nSuites: noble\nComponents: main\n',
		);
		const { status, stdout } = spawnSync(
			'unshare',
			[
				'-rm',
				'sh',
				'-c',
				`mount --bind "$0" /etc/apt && exec "$@"`,
				etc,
				process.execPath,
				path.join(root, 'harness/bin.mjs'),
				'doctor',
			],
			{ encoding: 'utf8', timeout: 120_000, env: { ...userEnvironment(), VPMU_CACHE: path.join(folder, 'cache') } },
		);
		t.is(status, 69, stdout);
		t.regex(stdout, /missing {2}Debian packages cannot be fetched \(.*\): no source in .* names the Debian archive/);
		t.regex(stdout, /-> VPMU_DEBIAN_MIRROR=https:\/\/\S+; .*VPMU_DEBIAN_KEYRING=\S+/);
	},
);
