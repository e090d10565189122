import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as openpgp from 'openpgp';

/** A key that signs fake indexes. */
export interface FakeKey {
	readonly binary: Uint8Array;
	readonly armored: string;
	sign(text: string): Promise<string>;
}

/** Makes a key. @param madeAt when; a key of 30 days that was made earlier has expired */
export async function makeFakeKey(madeAt?: Date): Promise<FakeKey> {
	const { privateKey, publicKey } = await openpgp.generateKey({
		...{ type: 'ecc', curve: 'ed25519Legacy', format: 'object', userIDs: [{ name: 'fake archive' }] },
		...(madeAt === undefined ? {} : { date: madeAt, keyExpirationTime: 30 * 24 * 60 * 60 }),
	});
	return {
		binary: publicKey.write(),
		armored: publicKey.armor(),
		async sign(text) {
			const message = await openpgp.createCleartextMessage({ text });
			const date = madeAt === undefined ? undefined : new Date(madeAt.getTime() + 1000);
			const signed = await openpgp.sign({
				...{ message, signingKeys: privateKey },
				...(date === undefined ? {} : { date }),
			});
			return signed.replaceAll('\r\n', '\n');
		},
	};
}

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

/** Builds a package with dpkg-deb, the program that Debian's are made with. @returns its stanza for an index */
export function makeFakeDeb(
	folder: string,
	name: string,
	{ depends = '', files = {}, compression = 'xz' }: { depends?: string; files?: object; compression?: string } = {},
): string {
	const tree = path.join(folder, `tree-${name}`);
	mkdirSync(path.join(tree, 'DEBIAN'), { recursive: true });
	const control = `Package: ${name}\nVersion: 1:1.0-1\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: fake\n`;
	writeFileSync(path.join(tree, 'DEBIAN/control'), control);
	for (const [file, content] of Object.entries(files)) {
		mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
		writeFileSync(path.join(tree, file), content as string);
	}
	const pool = path.join(folder, 'pool');
	mkdirSync(pool, { recursive: true });
	const deb = path.join(pool, `${name}_1.0-1_all.deb`);
	const built = spawnSync('dpkg-deb', ['--root-owner-group', `-Z${compression}`, '--build', tree, deb], {
		encoding: 'utf8',
	});
	if (built.status !== 0) throw new Error(built.stderr);
	const bytes = readFileSync(deb);
	return [
		...[
			`Package: ${name}`,
			'Version: 1:1.0-1',
			'Architecture: all',
			...(depends === '' ? [] : [`Depends: ${depends}`]),
		],
		...[`Filename: pool/${name}_1.0-1_all.deb`, `Size: ${bytes.length}`, `SHA256: ${sha256(bytes)}`, '', ''],
	].join('\n');
}

/** Writes the index of a suite, with that of sources if there is one. @param change what a hostile mirror does to the signed text before or after it is signed */
export async function writeFakeSuite(
	folder: string,
	suite: string,
	packages: string,
	key: FakeKey,
	change: { before?: (text: string) => string; after?: (text: string) => string } = {},
): Promise<void> {
	const binary = path.join(folder, 'dists', suite, 'main/binary-arm64');
	mkdirSync(binary, { recursive: true });
	writeFileSync(path.join(binary, 'Packages'), packages);
	const packed = spawnSync('xz', ['-c', path.join(binary, 'Packages')]).stdout;
	writeFileSync(path.join(binary, 'Packages.xz'), packed);
	const listed = [
		` ${sha256(packages)} ${Buffer.byteLength(packages)} main/binary-arm64/Packages`,
		` ${sha256(packed)} ${packed.length} main/binary-arm64/Packages.xz`,
	];
	const sources = path.join(folder, 'dists', suite, 'main/source');
	if (existsSync(path.join(sources, 'Sources'))) {
		const plain = readFileSync(path.join(sources, 'Sources'));
		const xz = spawnSync('xz', ['-c'], { input: plain }).stdout;
		writeFileSync(path.join(sources, 'Sources.xz'), xz);
		listed.push(
			` ${sha256(plain)} ${plain.length} main/source/Sources`,
			` ${sha256(xz)} ${xz.length} main/source/Sources.xz`,
		);
	}
	const text = `Origin: Debian\nSuite: stable\nCodename: ${suite}\nDate: ${new Date().toUTCString()}\nSHA256:\n${listed.join('\n')}\n`;
	const signed = await key.sign((change.before ?? String)(text));
	writeFileSync(path.join(folder, 'dists', suite, 'InRelease'), (change.after ?? String)(signed));
}
