import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { VpmuError } from '../../lib/index.ts';

/** How long a writer waits for others, in milliseconds. Each holds the store for one transaction. */
const busyMs = 10_000;

/** Loads SQLite without the warning of Node versions that call it experimental. */
function sqlite(): typeof import('node:sqlite') {
	const warn = process.emitWarning;
	process.emitWarning = () => undefined;
	try {
		const found = process.getBuiltinModule('node:sqlite');
		if (found === undefined) throw new VpmuError('this Node.js was built without SQLite', { blame: 'host' });
		return found;
	} finally {
		process.emitWarning = warn;
	}
}

/** Opens a database; each statement waits for other processes, up to a limit. */
export function openDatabase(file: string, { readOnly = false } = {}): DatabaseSync {
	const { DatabaseSync } = sqlite();
	return new DatabaseSync(file, { readOnly, timeout: busyMs, enableForeignKeyConstraints: true });
}

/** Runs statements as one transaction that begins as a writer, so that it never has to wait in its middle. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
	database.exec('BEGIN IMMEDIATE');
	try {
		const result = work();
		database.exec('COMMIT');
		return result;
	} catch (error) {
		try {
			database.exec('ROLLBACK');
		} catch {
			// SQLite has rolled back by itself. The first error says why.
		}
		throw error;
	}
}

/**
 * Does work that only one process may do at a time: making the store, and setting a damaged one aside. The lock is a
 * database of its own, which the kernel unlocks if its holder is killed.
 */
export function alone<T>(folder: string, work: () => T): T {
	const lock = openDatabase(path.join(folder, 'history.lock'));
	try {
		lock.exec('BEGIN EXCLUSIVE');
		return work();
	} finally {
		lock.close();
	}
}

/** Primary result codes of SQLite (sqlite3.h). */
const codes = { busy: 5, corrupt: 11, notADatabase: 26 } as const;

const codeOf = (error: unknown) => {
	const code = (error as { errcode?: unknown }).errcode;
	// The upper bits tell more about the same problem.
	return typeof code === 'number' ? code & 255 : undefined;
};

/** Whether the file is damaged, or was never a database. */
export function isDamage(error: unknown): boolean {
	const code = codeOf(error);
	return code === codes.corrupt || code === codes.notADatabase;
}

/** Whether another process held the store for longer than a transaction takes. */
export const isBusy = (error: unknown): boolean => codeOf(error) === codes.busy;
