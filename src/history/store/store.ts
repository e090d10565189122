import { existsSync, renameSync } from 'node:fs';
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { makeFolderSync, messageOf, VpmuError } from '../../lib/index.ts';
import { completeTables, isIncomplete, makeTables, versionOf } from './schema.ts';
import { alone, isBusy, isDamage, openDatabase } from './sqlite.ts';

export interface StoreOptions {
	/** The user's state folder. */
	readonly folder: string;
	/** Takes a sentence about a store that was damaged and set aside. */
	readonly onNote: (text: string) => void;
}

/** The store's file. */
export const nameOf = (folder: string) => path.join(folder, 'history.sqlite');

/** Whether there is a store to read. */
export const hasStore = (folder: string): boolean => existsSync(nameOf(folder));

/**
 * Opens the store, does some work with it, and closes it. A damaged store is renamed, with a note, and the work is done
 * on a new one.
 *
 * @throws VpmuError (blame `host`) if the store cannot be used
 */
export function withStore<T>(options: StoreOptions, work: (database: DatabaseSync) => T): T {
	const { folder } = options;
	const file = nameOf(folder);
	try {
		makeFolderSync(folder, { mode: 0o700 });
		try {
			return opened(folder, work);
		} catch (error) {
			if (!isDamage(error)) throw error;
			setAside(options, error);
			return opened(folder, work);
		}
	} catch (error) {
		if (error instanceof VpmuError) throw error;
		const why = isBusy(error) ? 'another process has held it for too long' : messageOf(error);
		throw new VpmuError(`cannot use the history '${file}': ${why}; VPMU_STATE names another folder`, {
			...{ blame: 'host', cause: error },
		});
	}
}

function opened<T>(folder: string, work: (database: DatabaseSync) => T): T {
	const file = nameOf(folder);
	const database = openDatabase(file);
	try {
		if (versionOf(database, file) === 0 || isIncomplete(database)) {
			alone(folder, () => {
				if (versionOf(database, file) === 0) makeTables(database);
				else if (isIncomplete(database)) completeTables(database);
			});
		}
		return work(database);
	} finally {
		database.close();
	}
}

/** Renames a damaged store and its journal, unless another process has done so and made a new one. */
function setAside({ folder, onNote }: StoreOptions, cause: unknown): void {
	const file = nameOf(folder);
	alone(folder, () => {
		if (!isDamaged(file)) return;
		const aside = `${file}.damaged-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
		for (const end of ['-wal', '-shm', '']) {
			if (existsSync(`${file}${end}`)) renameSync(`${file}${end}`, `${aside}${end}`);
		}
		onNote(
			`the history '${file}' was damaged (${messageOf(cause)}) and is now '${aside}'; 'vpmu history import RUN...' fills the new one`,
		);
	});
}

function isDamaged(file: string): boolean {
	if (!existsSync(file)) return false;
	const database = openDatabase(file);
	try {
		const found = database.prepare('PRAGMA integrity_check(1)').get();
		return found?.integrity_check !== 'ok';
	} catch (error) {
		if (isDamage(error)) return true;
		throw error;
	} finally {
		database.close();
	}
}
