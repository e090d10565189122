import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { VpmuError } from '../../lib/errors.ts';

/**
 * Reads a file that foreign code may have made: a regular file, opened without following a link or waiting for a FIFO.
 *
 * @throws VpmuError (blame `user`) for anything else, or one larger than `maxBytes`; an error of the system
 */
export async function readForeign(file: string, maxBytes: number): Promise<Buffer> {
	await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
	const stats = await handle.stat();
	if (!stats.isFile()) throw new VpmuError(`'${file}' is not a regular file`, { blame: 'user' });
	if (stats.size > maxBytes) throw new VpmuError(`'${file}' is larger than ${maxBytes} bytes`, { blame: 'user' });
	return await handle.readFile();
}
