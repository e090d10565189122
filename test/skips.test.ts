import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';

const root = path.resolve(import.meta.dirname, '..');
/** Where tests may be skipped: with a reason in the title, by a cell's plan, and for nothing. */
const doors = ['src/lib/testing/unless.ts', 'harness/worker/worker.ts', 'test/checks/fake-ava.ts'];

test('a test that is skipped says why: by unless() alone', t => {
	const files = ['src', 'harness', 'images', 'test', 'cases']
		.flatMap(folder =>
			readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map(name => path.join(folder, name)),
		)
		.filter(file => file.endsWith('.ts') && !doors.includes(file));
	const found = files.filter(file => /\btest(\.serial)?\.skip\b/.test(readFileSync(path.join(root, file), 'utf8')));
	t.deepEqual(found, []);
});
