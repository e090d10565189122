import { execFileSync } from 'node:child_process';
import test from 'ava';
import * as fc from 'fast-check';
import { checkTarget, pathOption } from './options.ts';

/** What the system's ssh reads. For `known_hosts` it prints the words that it split the value into. */
function readBySsh(options: readonly string[], name: string): string[] {
	const text = execFileSync('ssh', ['-G', '-T', '-F', 'none', ...options, 'host'], { encoding: 'utf8' });
	return text
		.split('\n')
		.filter(line => line.startsWith(`${name} `))
		.map(line => line.slice(name.length + 1));
}

test('ssh reads the path of an option as one word, whatever is in it', t => {
	for (const file of [
		'/plain',
		'/a b',
		'/"q"',
		"/it's",
		'/back\\slash',
		'/#no comment',
		'/a,b=c',
		'/é ü',
		'/x\\"y',
		'/ #',
	]) {
		t.deepEqual(readBySsh(pathOption('UserKnownHostsFile', file), 'userknownhostsfile'), [file]);
		t.deepEqual(readBySsh(pathOption('IdentityFile', file), 'identityfile'), [file]);
	}
});

test('ssh expands no percent sign of a path', t => {
	const name = '/a%d/%%/100%';
	t.deepEqual(readBySsh(pathOption('ControlPath', name), 'controlpath'), [name]);
});

test('no path of printable characters is split or cut by ssh', t => {
	const path = fc.string({ unit: fc.constantFrom(...'ab \\"\'#,=%;$~é'), minLength: 1, maxLength: 12 });
	fc.assert(
		fc.property(path, part => {
			const file = `/${part}x`;
			t.is(readBySsh(pathOption('ControlPath', file), 'controlpath')[0], file);
		}),
		{ numRuns: 15 },
	);
});

test('a target that ssh would take for an option is refused', t => {
	t.throws(() => checkTarget('-oProxyCommand=x'), { message: /ssh target/ });
});
