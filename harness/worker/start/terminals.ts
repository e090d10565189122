import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { serveTerminal } from '../../../src/guest/index.ts';
import { harmless, listen, messageOf } from '../../../src/lib/index.ts';
import type { Machine } from '../../../src/qemu/index.ts';
import { openSocketFolder } from '../../protocol/live.ts';

/** Gives people access to a cell's machine while it runs (`vpmu shell --cell`). */
export class LiveTerminals implements AsyncDisposable {
	#offer: AsyncDisposable | undefined;

	/**
	 * Offers terminals of this machine, and stops offering those of the previous one. Never rejects, so that no cell
	 * fails over it.
	 */
	async of(machine: Machine, cellFolder: string): Promise<void> {
		await this[Symbol.asyncDispose]();
		// The file system does not support sockets.
		this.#offer = await offer(machine, cellFolder).catch(() => undefined);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		const offer = this.#offer;
		this.#offer = undefined;
		await offer?.[Symbol.asyncDispose]();
	}
}

async function offer(machine: Machine, cellFolder: string): Promise<AsyncDisposable> {
	await using stack = new AsyncDisposableStack();
	const { folder, socket } = await openSocketFolder(cellFolder);
	stack.use(folder);
	const ended = new AbortController();
	const serving = new Set<Promise<void>>();
	const server = createServer(stream => {
		harmless(stream);
		const served = serveTerminal(machine.shell, stream, { signal: ended.signal }).catch(error => {
			if (stream.writable) stream.end(`\r\n${messageOf(error)}\r\n`);
		});
		serving.add(served);
		void served.finally(() => serving.delete(served));
	});
	// Left behind by a killed cell of the same folder.
	await rm(socket, { force: true });
	await listen(server, socket);
	stack.defer(async () => {
		ended.abort();
		await Promise.all(serving);
		await new Promise(resolve => server.close(resolve));
	});
	return stack.move();
}
