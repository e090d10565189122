import { once } from 'node:events';
import { connect } from 'node:net';
import { harmless, UsageError, VpmuError } from '../../src/lib/index.ts';
import { attachText, endKept, type KeptGuest, listKept } from '../run/kept.ts';
import type { CommandContext } from '../usage/context.ts';
import { exitCodes } from '../usage/exit-codes.ts';
import { unknownName } from '../usage/unknown-name.ts';
import { attachSocket } from './attach.ts';
import type { Command } from './command.ts';

export const command: Command = {
	name: 'kept',
	summary: "Guests that 'vpmu run --keep' left running. What a killed keeper left behind is swept.",
	usage: 'list|console|end [RUN]',
	options: { json: { help: 'as JSON (list)' } },
	positionals: { minimum: 1, maximum: 2 },
	async run(context, { positionals, options }) {
		const [action = '', id] = positionals;
		if (!['list', 'console', 'end'].includes(action)) {
			throw unknownName('action', action, "of 'vpmu kept'", ['list', 'console', 'end']);
		}
		const all = await listKept(context.env);
		if (action === 'list') {
			const none = "no guest is kept: 'vpmu run --keep' leaves one\n";
			const text = all.length === 0 ? none : all.map(attachText).join('\n');
			context.stdout.write(options.json === true ? `${JSON.stringify(all, null, 2)}\n` : text);
			return exitCodes.asPredicted;
		}
		const chosen = id === undefined ? all : all.filter(kept => kept.id === id);
		if (id !== undefined && chosen.length === 0) {
			throw unknownName(
				'kept guest',
				id,
				`of 'vpmu kept ${action}'`,
				all.map(kept => kept.id),
			);
		}
		if (action === 'console') return await attach(context, chosen);
		for (const kept of chosen) {
			await endKept(kept);
			context.stdout.write(`${kept.cell} (${kept.id}) has been ended\n`);
		}
		await listKept(context.env);
		return exitCodes.asPredicted;
	},
};

async function attach(context: CommandContext, chosen: readonly KeptGuest[]): Promise<number> {
	const [kept, ...others] = chosen;
	if (kept === undefined) throw new UsageError("no guest is kept: 'vpmu run --keep' leaves one");
	if (others.length > 0) {
		throw new UsageError(`several guests are kept; name one: ${chosen.map(one => one.id).join(', ')}`);
	}
	const socket = harmless(connect(kept.sockets.console));
	await once(socket, 'connect').catch(cause => {
		throw new VpmuError(`the console of ${kept.id} cannot be reached: ${cause.message}`, { blame: 'harness', cause });
	});
	// The shell has shown its prompt before anybody was there.
	socket.write('\n');
	return await attachSocket(context, socket);
}
