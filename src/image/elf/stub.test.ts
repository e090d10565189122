import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { dir } from 'tmp-promise';
import { parseElf } from './elf.ts';
import { elfHash, type StubSymbol, writeStubLibrary } from './stub.ts';

const symbols: StubSymbol[] = [
	{ name: 'PyRun_SimpleFile', version: null, as: 'refuse' },
	{ name: 'SLang_init_tty', version: 'SLANG2', as: 'refuse' },
	{ name: 'SLtt_Screen_Rows', version: 'SLANG2', as: 4 },
	{ name: '__cxa_demangle', version: 'CXXABI_1.3', as: 'zero' },
];

test('a stub is an arm64 library of that name', t => {
	const elf = parseElf(writeStubLibrary('libexample.so.1', symbols, 'left out\n'));
	t.is(elf.soname, 'libexample.so.1');
	t.is(elf.machine, 'aarch64');
	t.is(elf.type, 3);
	t.deepEqual(elf.needed, []);
});

test('readelf finds the symbols and their versions', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const file = path.join(folder, 'stub.so');
	writeFileSync(file, writeStubLibrary('libexample.so.1', symbols, 'left out\n'));
	let judged: string;
	try {
		judged = execFileSync('readelf', ['-W', '-D', '-s', '-l', file], {
			encoding: 'utf8',
			stdio: ['ignore', 'pipe', 'ignore'],
		});
	} catch {
		t.log('no readelf here');
		t.is(parseElf(writeStubLibrary('x', [], '')).soname, 'x');
		return;
	}
	t.regex(judged, /FUNC +GLOBAL DEFAULT +\d+ PyRun_SimpleFile$/m);
	t.regex(judged, /FUNC +GLOBAL DEFAULT +\d+ SLang_init_tty@@?SLANG2$/m);
	t.regex(judged, / 8 OBJECT +GLOBAL DEFAULT +\d+ SLtt_Screen_Rows@@?SLANG2$/m);
	t.regex(judged, /FUNC +GLOBAL DEFAULT +\d+ __cxa_demangle@@?CXXABI_1.3$/m);
	t.regex(judged, /GNU_STACK .* RW +0x10/);
	t.regex(judged, /LOAD .* R E 0x10000/);
});

test('the hash function matches the gABI', t => {
	t.is(elfHash('printf'), 0x077905a6);
	t.is(elfHash('exit'), 0x0006cf04);
	t.is(elfHash('syscall'), 0x0b09985c);
	t.is(elfHash(''), 0);
});

test('for any set of names, each is found in the table by its hash', t => {
	const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/);
	fc.assert(
		fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 60 }), names => {
			const file = writeStubLibrary(
				'lib.so',
				names.map(item => ({ name: item, version: null, as: 'refuse' })),
				'm',
			);
			const dynamic = new Map<number, number>();
			const at = Number(file.readBigUInt64LE(64 + 2 * 56 + 8));
			for (let entry = at; file.readBigUInt64LE(entry) !== 0n; entry += 16) {
				dynamic.set(Number(file.readBigUInt64LE(entry)), Number(file.readBigUInt64LE(entry + 8)));
			}
			const [hash, strings, table] = [dynamic.get(4)!, dynamic.get(5)!, dynamic.get(6)!];
			const buckets = file.readUInt32LE(hash);
			for (const item of names) {
				let found = false;
				let index = file.readUInt32LE(hash + 8 + (elfHash(item) % buckets) * 4);
				for (; index !== 0 && !found; index = file.readUInt32LE(hash + 8 + (buckets + index) * 4)) {
					const from = strings + file.readUInt32LE(table + index * 24);
					found = file.toString('latin1', from, file.indexOf(0, from)) === item;
				}
				t.true(found, item);
			}
		}),
		{ numRuns: 50 },
	);
});
