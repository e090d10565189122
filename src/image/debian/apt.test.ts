import test from 'ava';
import { upstreamVersion } from '../program.ts';
import { parseUris } from './apt.ts';
import { preferredRelease, suiteChain } from './suites.ts';

test("apt's output becomes exact packages", t => {
	const sha256 = 'a'.repeat(64);
	const text = `'http://m.example/pool/b_1.deb' b_1%3a2.0-1+b3_arm64.deb 847552 SHA256:${sha256}\nother text\n'http://m.example/a' a_1_all.deb 7 SHA256:${sha256}\n`;
	t.deepEqual(parseUris(text), [
		{ name: 'a', version: '1', file: 'a_1_all.deb', sizeBytes: 7, sha256 },
		{ name: 'b', version: '1:2.0-1+b3', file: 'b_1%3a2.0-1+b3_arm64.deb', sizeBytes: 847552, sha256 },
	]);
});

test('a package without a strong checksum is refused', t => {
	t.throws(() => parseUris("'http://m.example/a' a_1_all.deb 7 MD5Sum:abc\n"), { message: /no SHA-256 for a_1_all/ });
});

test('a release comes with its updates and security fixes, unstable without', t => {
	const names = (suite: string) => suiteChain(suite).map(part => (part.optional ? `${part.suite}?` : part.suite));
	t.deepEqual(names('trixie'), ['trixie', 'trixie-updates?', 'trixie-security?']);
	t.deepEqual(names('stable'), ['stable', 'stable-updates?', 'stable-security?']);
	t.deepEqual(names('trixie-security'), ['trixie', 'trixie-security', 'trixie-updates?']);
	t.deepEqual(names('trixie-backports'), ['trixie', 'trixie-backports', 'trixie-updates?', 'trixie-security?']);
	t.deepEqual(names('bookworm-backports-sloppy').slice(0, 2), ['bookworm', 'bookworm-backports-sloppy']);
	t.deepEqual(names('sid'), ['sid']);
	t.deepEqual(names('experimental'), ['sid', 'experimental']);
});

test('a release is not preferred over its security fixes, backports are over their release', t => {
	t.is(preferredRelease('trixie'), undefined);
	t.is(preferredRelease('trixie-security'), undefined);
	t.is(preferredRelease('trixie-backports'), 'trixie-backports');
	t.is(preferredRelease('experimental'), 'experimental');
});

test('upstream versions', t => {
	t.is(upstreamVersion('1:10.0.13+ds-0+deb13u1'), '10.0.13');
	t.is(upstreamVersion('1:7.2+dfsg-7+deb12u18+b3'), '7.2');
	t.is(upstreamVersion('6.1.176-1'), '6.1.176');
	t.is(upstreamVersion('1.7.2-2+b1'), '1.7.2');
});
