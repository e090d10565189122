import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { VpmuError } from '../../../lib/errors.ts';
import { hasTool } from '../../cache/tool.ts';
import { makeFakeKey } from '../../testing/fake-archive.ts';
import {
	keyringsOf,
	shippedKeys,
	type Verifier,
	verifySigned,
	verifyWithGpgv,
	verifyWithLibrary,
} from './signature.ts';

const text = 'Origin: Debian\nSuite: stable\n- a dash\n';
const [key, other] = [await makeFakeKey(), await makeFakeKey()];
const ring = (bytes: Uint8Array | string) => [{ bytes: Buffer.from(bytes), from: 'a test' }];
const signed = await key.sign(text);
const expired = await makeFakeKey(new Date('2020-01-01'));
const byExpired = await expired.sign(text);

const room = {
	scratch: async <T>(_name: string, work: (folder: string) => Promise<T>) =>
		work((await dir({ unsafeCleanup: true })).path),
};

const verifiers: [string, Verifier][] = [
	...(hasTool('gpgv') ? ([['gpgv', verifyWithGpgv]] as [string, Verifier][]) : []),
	['OpenPGP.js', verifyWithLibrary],
];

for (const [name, verify] of verifiers) {
	test(`${name}: a good signature gives the signed text, with a binary or an armored keyring`, async t => {
		for (const keys of [ring(key.binary), ring(key.armored), [...ring(other.binary), ...ring(key.binary)]]) {
			const answer = await verify(signed, keys, room);
			t.is('text' in answer && answer.text.trimEnd(), text.trimEnd());
		}
	});

	for (const [what, message, keys, problem] of [
		['a changed text', signed.replace('stable', 'sid'), ring(key.binary), /^bad signature by /],
		['another key', signed, ring(other.binary), /not among them \(NO_PUBKEY\)/],
		['an expired key', byExpired, ring(expired.binary), /expired/],
		['no keys', signed, ring(''), /./],
		['a cut signature', signed.replace(/.{40}\n-----END/s, '\n-----END'), ring(key.binary), /./],
	] as const) {
		test(`${name}: refused: ${what}`, async t => {
			const answer = await verify(message, keys, room);
			t.regex('problem' in answer ? answer.problem : 'accepted', problem);
			t.false('text' in answer);
		});
	}
}

test('a file that is not a keyring is named', async t => {
	const answer = await verifyWithLibrary(signed, ring('127.0.0.1 localhost\n'), room);
	t.deepEqual(answer, { problem: "'a test' is not a file of OpenPGP keys" });
});

test('text around a signed message is refused, and so is a second one', async t => {
	t.is((await verifySigned(signed, ring(key.binary), 'it', room)).trimEnd(), text.trimEnd());
	for (const message of [
		`Suite: evil\n${signed}`,
		`${signed}\nSuite: evil\n`,
		signed + signed,
		text,
		'',
		`\n${signed}`,
	]) {
		const error = await t.throwsAsync(verifySigned(message, ring(key.binary), 'it', room), { instanceOf: VpmuError });
		t.is(error.message, 'no key in a test vouches for it: it is not one signed message');
		t.is(error.blame, 'host');
	}
});

test('keys come from the source, else from the machine, else from vpmu', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const file = path.join(folder, 'keys.gpg');
	writeFileSync(file, key.binary);
	const from = async (signedBy?: string, places: string[] = []) =>
		(await keyringsOf(signedBy, places)).map(one => one.from).join();
	t.is(await from(`${file} /dev/null`), `${file},/dev/null`);
	t.is(await from(`\n ${key.armored.trim().replaceAll('\n\n', '\n.\n').replaceAll('\n', '\n ')}`), 'Signed-By');
	t.is(await from(undefined, [path.join(folder, 'absent'), file]), file);
	t.is(await from(), "vpmu's own copy of Debian's keys");
	const error = await t.throwsAsync(from('/absent/keys.gpg'), { instanceOf: VpmuError });
	t.regex(error.message, /cannot read the keyring '\/absent\/keys.gpg': ENOENT/);
	t.true((await shippedKeys()).bytes.length > 50_000);
	const embedded = await keyringsOf(`\n ${key.armored.trim().replaceAll('\n\n', '\n.\n').replaceAll('\n', '\n ')}`);
	t.true('text' in (await verifyWithLibrary(signed, embedded, room)));
});
