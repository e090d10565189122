import { once } from 'node:events';
import net from 'node:net';
import type { Turn } from './measure.ts';
import { timed } from './measure.ts';

/** Returns the line that a bare loop sends, given the command's number. */
export type WriteLine = (number: number) => string;

/**
 * The least work that a QMP client can do: write a line, wait for a line, parse it, write the next. It matches no ids,
 * does not tell events from errors, and has no deadline. `window` commands are in flight at once.
 */
export async function bareLoop(socketPath: string, commands: number, line: WriteLine, window = 1): Promise<Turn> {
	const socket = net.connect(socketPath);
	let text = '';
	let onReply: (reply: unknown) => void = () => undefined;
	let onFailure: (error: Error) => void = () => undefined;
	const failed = new Promise<never>((_, reject) => {
		onFailure = reject;
	});
	failed.catch(() => undefined);
	socket.on('error', onFailure);
	socket.on('close', () => onFailure(new Error("the bare loop's connection was closed")));
	socket.on('data', chunk => {
		text += chunk;
		for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
			const reply = JSON.parse(text.slice(0, end));
			text = text.slice(end + 1);
			onReply(reply);
		}
	});
	const oneReply = () => {
		const reply = new Promise(resolve => {
			onReply = resolve;
		});
		return Promise.race([reply, failed]);
	};
	try {
		await oneReply();
		socket.write('{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}\n');
		await oneReply();
		return await timed(commands, () => {
			const work = new Promise<void>((resolve, reject) => {
				let sent = 0;
				let answered = 0;
				onReply = reply => {
					if (!Object.hasOwn(reply as object, 'return')) return reject(new Error(`refused: ${JSON.stringify(reply)}`));
					if (++answered === commands) resolve();
					else if (sent < commands) socket.write(line(sent++));
				};
				while (sent < Math.min(window, commands)) socket.write(line(sent++));
			});
			return Promise.race([work, failed]);
		});
	} finally {
		const closed = once(socket, 'close');
		socket.destroy();
		await closed;
	}
}
