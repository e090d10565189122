import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, VpmuError } from '../../../lib/errors.ts';
import type { Cache } from '../../cache/cache.ts';
import { hasTool, runTool } from '../../cache/tool.ts';
import { debianKeyrings, shippedKeyring } from '../sources.ts';

/** A file with the public keys that may sign, binary or armored. */
export interface Keyring {
	readonly bytes: Uint8Array;
	/** For messages. */
	readonly from: string;
}

/** SHA-256 of the keys that vpmu ships: they decide what is trusted. */
const shippedSha256 = '506b815cbb32d9b6066b4a2aa524071e071761e7e7f68c3ac74f3061ba852017';

/**
 * Finds the keys that may sign an index: those that the mirror's source names, else those of this machine, else the ones that vpmu
 * ships.
 *
 * @param signedBy as in a source's `Signed-By`: files, or an armored key with ` .` for empty lines
 * @throws VpmuError (blame `host`) when a named file cannot be read, or the shipped one is damaged
 */
export async function keyringsOf(
	signedBy: string | undefined,
	places: readonly string[] = debianKeyrings,
): Promise<Keyring[]> {
	if (signedBy?.includes('-----BEGIN PGP')) {
		const armored = signedBy.replaceAll(/^[ \t]+/gm, '').replaceAll(/^\.$/gm, '');
		return [{ bytes: Buffer.from(armored), from: 'Signed-By' }];
	}
	const files = (signedBy ?? '').split(/[\s,]+/).filter(word => word.startsWith('/'));
	const keyrings: Keyring[] = [];
	for (const file of files) {
		if (file === shippedKeyring) {
			keyrings.push(await shippedKeys());
			continue;
		}
		const bytes = await readFile(file).catch(cause => {
			throw new VpmuError(`cannot read the keyring '${file}': ${messageOf(cause)}`, { blame: 'host', cause });
		});
		keyrings.push({ bytes, from: file });
	}
	if (keyrings.length > 0) return keyrings;
	for (const file of places) {
		const bytes = await readFile(file).catch(() => undefined);
		if (bytes !== undefined) return [{ bytes, from: file }];
	}
	return [await shippedKeys()];
}

/** The keys that vpmu ships. @throws VpmuError (blame `host`) when the file is missing or was changed */
export async function shippedKeys(): Promise<Keyring & { readonly path: string }> {
	const bytes = await readFile(shippedKeyring).catch(cause => {
		throw new VpmuError(`cannot read Debian's keys in vpmu: ${messageOf(cause)}`, { blame: 'host', cause });
	});
	if (createHash('sha256').update(bytes).digest('hex') !== shippedSha256) {
		throw new VpmuError(`Debian's keys in vpmu (${shippedKeyring}) were changed; install vpmu again`, {
			blame: 'host',
		});
	}
	return { bytes, from: "vpmu's own copy of Debian's keys", path: shippedKeyring };
}

/** Where a check works: the cache, or a part of one. */
type Room = Pick<Cache, 'scratch'> & { readonly signal?: AbortSignal | undefined };

/** How a signature is checked: returns the signed text, or why no key vouches for it. */
export type Verifier = (
	message: string,
	keyrings: readonly Keyring[],
	room: Room,
) => Promise<{ readonly text: string } | { readonly problem: string }>;

/**
 * Checks a clearsigned message (RFC 9580, section 7), with the machine's gpgv if it has one, else with OpenPGP.js. One good
 * signature by one of the keys is enough, as for apt.
 *
 * @param what names the message in errors
 * @returns the signed text, without what was around it
 * @throws VpmuError (blame `host`)
 */
export async function verifySigned(
	message: string,
	keyrings: readonly Keyring[],
	what: string,
	room: Room,
): Promise<string> {
	// Text before or after the signed part would be read although nobody signed it.
	const markers = ['SIGNED MESSAGE', 'SIGNATURE', 'SIGNATURE'].map(
		(name, index) => `-----${index === 2 ? 'END' : 'BEGIN'} PGP ${name}-----`,
	);
	const isOne =
		(message.match(/^-----.*$/gm) ?? []).map(line => line.trimEnd()).join() === markers.join() &&
		message.startsWith(markers[0]!) &&
		message.trimEnd().endsWith(markers[2]!);
	const checked = !isOne
		? { problem: 'it is not one signed message' }
		: await (hasTool('gpgv') ? verifyWithGpgv : verifyWithLibrary)(message, keyrings, room);
	if ('text' in checked) return checked.text;
	const from = keyrings.map(one => one.from).join(', ');
	throw new VpmuError(`no key in ${from} vouches for ${what}: ${checked.problem}`, { blame: 'host' });
}

/** The weak digests that nothing is accepted by: MD5, SHA-1 and RIPEMD-160 (RFC 9580, section 9.5). */
const weakDigests = new Set(['1', '2', '3']);

/** With gpgv(1), which checks with the keys of the given files only. */
export const verifyWithGpgv: Verifier = async (message, keyrings, { scratch, signal }) =>
	await scratch('gpgv', async folder => {
		const options: string[] = [];
		for (const [index, keyring] of keyrings.entries()) {
			const file = path.join(folder, `keys-${index}.gpg`);
			await writeFile(file, (await isArmored(keyring)) ? await dearmored(keyring) : keyring.bytes);
			options.push('--keyring', file);
		}
		const [signed, text] = [path.join(folder, 'signed'), path.join(folder, 'text')];
		await writeFile(signed, message);
		const argv = ['gpgv', '--homedir', folder, '--status-fd', '1', ...options, '--output', text, signed];
		const { stdout, stderr } = await runTool(argv, { signal });
		const lines = stdout.split('\n').map(line => line.replace('[GNUPG:] ', '').split(' '));
		const bad = lines.find(([word]) => word === 'BADSIG');
		// GOODSIG is followed by VALIDSIG, whose eighth argument is the digest. Expired and revoked keys have other words.
		const isGood = lines.some(
			([word], index) =>
				word === 'GOODSIG' &&
				lines.slice(index).some(([next, ...words]) => next === 'VALIDSIG' && !weakDigests.has(words[7]!)),
		);
		if (bad === undefined && isGood) return { text: await readFile(text, 'utf8') };
		if (bad !== undefined) return { problem: `bad signature by ${bad.slice(2).join(' ') || bad[1]}` };
		const key = lines.find(([word]) => word === 'NO_PUBKEY' || word === 'EXPKEYSIG' || word === 'REVKEYSIG');
		const problem =
			key === undefined ? stderr.trim().split('\n').at(-1) || 'no signature' : problems[key[0]!]!(key[1]!);
		return { problem };
	});

const problems: Readonly<Record<string, (key: string) => string>> = {
	NO_PUBKEY: key => `it is signed by key ${key}, which is not among them (NO_PUBKEY)`,
	EXPKEYSIG: key => `key ${key} has expired`,
	REVKEYSIG: key => `key ${key} was revoked`,
};

/** With OpenPGP.js, which is slow to load. */
export const verifyWithLibrary: Verifier = async (message, keyrings) => {
	const openpgp = await import('openpgp');
	try {
		const verificationKeys = (await Promise.all(keyrings.map(readKeys))).flat();
		const cleartext = await openpgp.readCleartextMessage({ cleartextMessage: message });
		const { signatures, data } = await openpgp.verify({ message: cleartext, verificationKeys });
		const told: string[] = [];
		let isGood = false;
		for (const { keyID, verified } of signatures) {
			const problem = await verified
				// It only checks that the key was valid when it signed.
				.then(() => verificationKeys.find(key => key.getKeys(keyID).length > 0)?.getSigningKey(keyID, new Date()))
				.then(
					() => undefined,
					error => messageOf(error),
				);
			if (problem === undefined) isGood = true;
			else if (/could not find signing key/i.test(problem)) told.push(problems.NO_PUBKEY!(keyID.toHex().toUpperCase()));
			else if (/expired|revoked/i.test(problem)) told.push(`${keyID.toHex().toUpperCase()}: ${problem}`);
			else return { problem: `bad signature by ${keyID.toHex().toUpperCase()}: ${problem}` };
		}
		return isGood ? { text: data as string } : { problem: told[0] ?? 'no signature' };
	} catch (error) {
		return { problem: messageOf(error) };
	}
};

async function isArmored({ bytes }: Keyring): Promise<boolean> {
	return Buffer.from(bytes.subarray(0, 4096)).includes('-----BEGIN PGP PUBLIC KEY BLOCK-----');
}

async function readKeys(keyring: Keyring) {
	const { readKeys } = await import('openpgp');
	try {
		return (await isArmored(keyring))
			? await readKeys({ armoredKeys: Buffer.from(keyring.bytes).toString() })
			: await readKeys({ binaryKeys: keyring.bytes });
	} catch (cause) {
		throw new VpmuError(`'${keyring.from}' is not a file of OpenPGP keys`, { blame: 'host', cause });
	}
}

/** gpgv of the 2.2 series reads binary files only. */
async function dearmored(keyring: Keyring): Promise<Uint8Array> {
	return Buffer.concat((await readKeys(keyring)).map(key => key.write()));
}
