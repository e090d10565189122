import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { localFiles } from '../debian/tree.ts';
import { libraryClosure } from './closure.ts';
import { isElf, parseElf } from './elf.ts';

const node = realpathSync(process.execPath);

test("Node's own program is read like readelf reads it", t => {
	const elf = parseElf(readFileSync(node));
	t.is(elf.machine, process.arch === 'x64' ? 'x86_64' : 'aarch64');
	t.true(elf.needed.includes('libc.so.6'));
	t.regex(elf.interpreter ?? '', /^\/lib/);
	let judged: string;
	try {
		judged = execFileSync('readelf', ['-dlW', node], { encoding: 'utf8' });
	} catch {
		t.log('no readelf here');
		return;
	}
	const needed = [...judged.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(match => match[1]!);
	t.deepEqual(elf.needed, needed);
	t.is(elf.interpreter, /program interpreter: (.*)\]/.exec(judged)?.[1] ?? null);
});

test("a program's closure contains what the loader would load", async t => {
	const closure = await libraryClosure(localFiles(), [node]);
	t.deepEqual(closure.missing, []);
	const listed = execFileSync(closure.interpreters[0]!, ['--list', node], { encoding: 'utf8' });
	const loaded = [...listed.matchAll(/^\s*(\S+) => \/\S+/gm)].map(match => match[1]!).sort();
	const found = closure.libraries.map(library => library.split('/').at(-1)!);
	t.deepEqual(found.filter(name => !name.startsWith('ld-linux')).sort(), loaded);
});

test('a missing library is named with the file that needs it', async t => {
	const closure = await libraryClosure(localFiles(), [node], ['/nonexistent']);
	t.true(closure.missing.some(item => item.soname === 'libc.so.6' && item.neededBy === node));
});

test('broken files throw and never hang', t => {
	const whole = readFileSync(node).subarray(0, 1 << 16);
	fc.assert(
		fc.property(
			fc.integer({ min: 0, max: 4096 }),
			fc.integer({ min: 0, max: 255 }),
			fc.nat(1 << 16),
			(at, value, cut) => {
				const broken = Buffer.from(whole);
				broken[at] = value;
				try {
					const elf = parseElf(broken.subarray(0, cut));
					t.true(elf.needed.length < 1 << 16);
				} catch (error) {
					t.true(error instanceof Error);
				}
			},
		),
		{ numRuns: 300 },
	);
	t.false(isElf(Buffer.from('#!/bin/sh\n and so on')));
	t.throws(() => parseElf(Buffer.from('text')), { message: 'not an ELF file' });
});
