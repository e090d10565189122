import { recordRuns } from '../index.ts';
import { openDatabase } from '../store/sqlite.ts';
import { nights } from './nights.ts';

/*
 * Writes to a history as a process of its own: `write FOLDER NAME COUNT` adds runs one by one; `stop FOLDER` begins a
 * run and stays in the middle of its transaction.
 */
const [what, folder = '', name = '', count = '0'] = process.argv.slice(2);
if (what === 'write') {
	for (const results of nights(Number(count), () => [{}, { name: 'pmu/b' }], name)) {
		recordRuns({ folder, onNote: text => process.stdout.write(`${text}\n`) }, [{ results, folder: `/runs/${name}` }]);
	}
} else {
	const database = openDatabase(`${folder}/history.sqlite`);
	database.exec('BEGIN IMMEDIATE');
	// Enough that SQLite has written some of it into its journal already.
	database.exec('PRAGMA cache_size = 1');
	const insert = database.prepare("INSERT INTO runs VALUES (?, 0, '/half', 'x', 'x', NULL)");
	for (let at = 0; at < 2000; at++) insert.run(`half-${at}-${'x'.repeat(150)}`);
	process.stdout.write('writing\n');
	setInterval(() => undefined, 60_000);
}
