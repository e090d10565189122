import type { DatabaseSync } from 'node:sqlite';
import { VpmuError } from '../../lib/index.ts';
import { transaction } from './sqlite.ts';

/** The version of the tables, in SQLite's `user_version`. */
const version = 1;

const tables = `
CREATE TABLE runs (
	id TEXT PRIMARY KEY,
	-- Milliseconds since 1970.
	started INTEGER NOT NULL,
	folder TEXT NOT NULL,
	vpmu TEXT NOT NULL,
	machine TEXT NOT NULL,
	-- The commit of what was under test, by the label 'commit'.
	revision TEXT
) STRICT;
CREATE INDEX runs_by_time ON runs (started);
-- Runs that were merged into another one, which has their cells too.
CREATE TABLE parts (
	whole TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
	part TEXT NOT NULL,
	PRIMARY KEY (whole, part)
) STRICT, WITHOUT ROWID;
CREATE TABLE cells (
	run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
	cell TEXT NOT NULL,
	name TEXT NOT NULL,
	place TEXT NOT NULL,
	status TEXT NOT NULL,
	reason TEXT,
	flaky INTEGER NOT NULL,
	total_ms REAL,
	boot_ms REAL,
	qemu TEXT,
	guest_kernel TEXT,
	host_kernel TEXT,
	PRIMARY KEY (run, cell)
) STRICT, WITHOUT ROWID;
CREATE INDEX cells_by_name ON cells (name);
`;

/** Returns the version of a store's tables; 0 if it has none. @throws VpmuError for a later version's store */
export function versionOf(database: DatabaseSync, file: string): number {
	const found = Number(database.prepare('PRAGMA user_version').get()?.user_version);
	if (found > version) {
		throw new VpmuError(`'${file}' was written by a later vpmu (tables ${found}; this one knows ${version})`, {
			blame: 'user',
		});
	}
	return found;
}

/**
 * Whether the tables lack what was added to them. Their version is the same: an earlier vpmu reads and writes them all the
 * same.
 */
export function isIncomplete(database: DatabaseSync): boolean {
	return database.prepare("SELECT 1 FROM pragma_table_info('runs') WHERE name = 'revision'").get() === undefined;
}

/** Adds what the tables lack. The caller is the only process that does. */
export function completeTables(database: DatabaseSync): void {
	database.exec('ALTER TABLE runs ADD COLUMN revision TEXT');
}

/** Makes the tables. The caller is the only process that does. */
export function makeTables(database: DatabaseSync): void {
	// Readers and a writer do not wait for each other, and a killed writer leaves whole transactions only.
	database.exec('PRAGMA journal_mode = WAL');
	transaction(database, () => {
		database.exec(tables);
		database.exec(`PRAGMA user_version = ${version}`);
	});
}
