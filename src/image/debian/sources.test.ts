import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { UsageError } from '../../lib/errors.ts';
import { findMirrors, parseDeb822, parseSourcesList, pickMirror, securityBeside } from './sources.ts';

const deb822 = `# comment
Types: deb deb-src
# a comment between fields
URIs: http://mirror.example/debian
Suites: trixie trixie-updates
Components: main contrib
Signed-By: /usr/share/keyrings/one.gpg
`;

test('a deb822 source names the mirror and its keys', t => {
	t.deepEqual(pickMirror(parseDeb822(deb822), 'f'), {
		uri: 'http://mirror.example/debian',
		from: 'f',
		signedBy: '/usr/share/keyrings/one.gpg',
	});
});

test('security, disabled, foreign and source-only stanzas are skipped', t => {
	const text = [
		'Types: deb\nURIs: http://s.example/debian-security\nSuites: trixie-security\nComponents: main',
		'Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: trixie\nComponents: main',
		'Types: deb-src\nURIs: http://src.example/debian\nSuites: trixie\nComponents: main',
		'Types: deb\nURIs: http://node.example/x\nSuites: nodistro\nComponents: main',
		'Types: deb\nURIs: http://u.example/ubuntu\nSuites: noble noble-updates\nComponents: main',
		deb822,
	].join('\n\n');
	t.is(pickMirror(parseDeb822(text), 'f')?.uri, 'http://mirror.example/debian');
});

test('an embedded key is kept complete', t => {
	const key = 'Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc=\n -----END PGP PUBLIC KEY BLOCK-----';
	const mirror = pickMirror(parseDeb822(`${deb822.replace(/Signed-By.*\n/, '')}${key}\n`), 'f');
	t.is(mirror?.signedBy, key.slice('Signed-By:'.length));
});

test('one-line sources are read with and without options', t => {
	const text = [
		'# deb http://comment.example/debian sid main',
		'deb [arch=amd64 signed-by=/k1.gpg,/k2.gpg] https://m.example/debian bookworm main non-free # why',
	].join('\n');
	t.deepEqual(pickMirror(parseSourcesList(text), 'f'), {
		uri: 'https://m.example/debian',
		from: 'f',
		signedBy: '/k1.gpg /k2.gpg',
	});
	t.is(pickMirror(parseSourcesList('deb http://m.example/debian sid main'), 'f')?.signedBy, undefined);
});

test('the mirror is found in the folder of sources; if there is none, the message says what to do', async t => {
	const { path: etc, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	mkdirSync(path.join(etc, 'sources.list.d'));
	writeFileSync(path.join(etc, 'sources.list.d/a.list'), 'deb http://other.example/apt stable-thing main\n');
	const error = await t.throwsAsync(findMirrors({}, etc));
	t.regex(error.message, /VPMU_DEBIAN_MIRROR/);
	writeFileSync(path.join(etc, 'sources.list.d/debian.sources'), deb822);
	t.is((await findMirrors({}, etc)).main.uri, 'http://mirror.example/debian');
	t.is((await findMirrors({ VPMU_DEBIAN_MIRROR: 'http://own.example/d' }, etc)).main.uri, 'http://own.example/d');
});

test('the security archive is the one that apt uses, else the one beside the main mirror', async t => {
	const { path: etc, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	mkdirSync(path.join(etc, 'sources.list.d'));
	const file = path.join(etc, 'sources.list.d/debian.sources');
	writeFileSync(file, deb822);
	const security = async (env: Record<string, string> = {}) => (await findMirrors(env, etc)).security;
	t.deepEqual(await security(), {
		uri: 'http://mirror.example/debian-security',
		from: file,
		signedBy: '/usr/share/keyrings/one.gpg',
	});
	const own = 'Types: deb\nURIs: http://s.example/debian-security\nSuites: trixie-security\nComponents: main\n';
	writeFileSync(file, `${deb822}\n${own}`);
	t.is((await security())?.uri, 'http://s.example/debian-security');
	t.is((await security({ VPMU_DEBIAN_SECURITY_MIRROR: 'http://e.example/s' }))?.uri, 'http://e.example/s');
	const beside = (uri: string) => securityBeside({ uri, from: 'f' })?.uri;
	t.is(beside('http://m.example/ftp/debian/'), 'http://m.example/ftp/debian-security/');
	t.is(
		beside('https://snapshot.debian.org/archive/debian/20260101T000000Z'),
		'https://snapshot.debian.org/archive/debian-security/20260101T000000Z',
	);
	t.is(beside('http://apt.example/mirror'), undefined);
});

test('a keyring may be named by an absolute path, or be the keys themselves', async t => {
	const keys = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----';
	for (const keyring of ['/usr/share/keyrings/one.gpg', keys]) {
		const env = { VPMU_DEBIAN_MIRROR: 'http://own.example/debian', VPMU_DEBIAN_KEYRING: keyring };
		t.is((await findMirrors(env, '/none')).main.signedBy, keyring);
	}
});

for (const [variable, value, allowed] of [
	['VPMU_DEBIAN_MIRROR', 'deb.debian.org/debian', /is not the address of a mirror; allowed: https:/],
	['VPMU_DEBIAN_MIRROR', 'ftp://a.example/debian', /is not the address of a mirror; allowed: https:/],
	['VPMU_DEBIAN_SECURITY_MIRROR', 'a.example', /is not the address of a mirror; allowed: https:/],
	['VPMU_DEBIAN_KEYRING', 'keys.gpg', /is not the path of a keyring; allowed: the absolute path/],
	['VPMU_DEBIAN_KEYRING', '/my keys.gpg', /is not the path of a keyring; allowed: the absolute path/],
] as const) {
	test(`${variable}=${value} is refused: nothing else counts instead`, async t => {
		const env = { VPMU_DEBIAN_MIRROR: 'http://own.example/debian', [variable]: value };
		const error = await t.throwsAsync(findMirrors(env, '/none'), { instanceOf: UsageError });
		t.true(error.message.startsWith(`'${value}' of variable '${variable}' `), error.message);
		t.regex(error.message, allowed);
	});
}
