import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'ava';
import { buildIdOf } from './build-id.ts';

test('the build id of a program is the one that file(1) or readelf tells', t => {
	const own = buildIdOf(readFileSync('/bin/sh'));
	t.regex(own!, /^[0-9a-f]{16,128}$/);
	let told: string;
	try {
		told = execFileSync('sh', ['-c', 'readelf -n /bin/sh 2>/dev/null || file -L /bin/sh'], { encoding: 'utf8' });
	} catch {
		return;
	}
	const id = /(?:Build ID: |BuildID\[sha1\]=)([0-9a-f]+)/.exec(told)?.[1];
	if (id !== undefined) t.is(own, id);
});

test('what is not a program, or is cut, has none', t => {
	const program = readFileSync('/bin/sh');
	t.is(buildIdOf(Buffer.from('#!/bin/sh\n')), null);
	t.is(buildIdOf(program.subarray(0, 64)), null);
	const note = Buffer.from('\u007fELF\u0004\0\0\0\u00ff\u00ff\0\0\u0003\0\0\0GNU\0abc', 'latin1');
	t.is(buildIdOf(note), null, 'a length beyond the end');
});
