import { open } from 'node:fs/promises';
import type { Host, HostProcess } from '../host/host.ts';
import type { WaitOptions } from '../lib/waiting/deadline.ts';
import { within } from '../lib/waiting/deadline.ts';
import { BoardError } from './errors.ts';

/** Size of the mailbox in bytes, and so the largest archive that fits. The file has no blocks until they are used. */
export const mailboxBytes = 2 * 2 ** 30;

/**
 * The fast way to send files to a board. Through ssh every byte is encrypted here and decrypted by an emulated CPU. Here an
 * archive is written into the file behind the board's disk and read by the board directly.
 */
export class Mailbox {
	readonly #path: string;
	readonly #sizeBytes: number;
	#turn: Promise<unknown> = Promise.resolve();

	constructor(path: string, sizeBytes: number) {
		this.#path = path;
		this.#sizeBytes = sizeBytes;
	}

	/**
	 * Unpacks the tar archive written by `archive` into the folder `into` on the board, then runs `finish` there. One at a
	 * time. @throws BoardError
	 */
	async unpack(board: Host, archive: HostProcess, into: string, finish: string, options: WaitOptions): Promise<void> {
		const before = this.#turn;
		const work = (async () => {
			await before.catch(() => undefined);
			await this.#deliver(board, archive, into, finish, options);
		})();
		this.#turn = work;
		await work;
	}

	async #deliver(board: Host, archive: HostProcess, into: string, finish: string, options: WaitOptions): Promise<void> {
		let size = 0;
		await using file = await open(this.#path, 'r+');
		const write = async () => {
			archive.stdin.end();
			for await (const chunk of archive.stdout as AsyncIterable<Buffer>) {
				if (size + chunk.length > this.#sizeBytes) throw this.#error(board, 'it is larger than 2 GiB');
				await file.write(chunk, 0, chunk.length, size);
				size += chunk.length;
			}
		};
		const stderr = Array.fromAsync(archive.stderr as AsyncIterable<Buffer>);
		await within(`copying to ${board.name}`, write(), options);
		const { status } = await archive.exited;
		if (status !== 0)
			throw this.#error(
				board,
				Buffer.concat(await stderr)
					.toString()
					.trim() || 'tar failed',
			);
		// Flush the page cache, which holds the disk's earlier content. dd limits the read: tar would read the disk to its end.
		const read =
			'mkdir -p -- "$1" && blockdev --flushbufs /dev/vda && dd if=/dev/vda bs=64k count="$2" 2>/dev/null | tar -x -o -f - -C "$1"';
		const script = `${read} && ${finish}`;
		const result = await board.run(['sh', '-c', script, 'sh', into, String(Math.ceil(size / 65_536))], options);
		if (result.status !== 0) throw this.#error(board, result.stderr.toString().trim() || 'tar failed there');
		// Free the blocks.
		await file.truncate(0);
		await file.truncate(this.#sizeBytes);
	}

	#error(board: Host, why: string): BoardError {
		return new BoardError(`cannot copy to ${board.name}: ${why}`, { board: board.name, evidence: why.split('\n') });
	}
}
