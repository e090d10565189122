import { once } from 'node:events';
import { connect } from 'node:net';
import { harmless, UsageError, VpmuError } from '../../../src/lib/index.ts';
import { attachText, endKept, type KeptGuest, listKept } from '../../run/kept/kept.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import { unknownName } from '../../usage/unknown-name.ts';
import type { Given } from '../command.ts';
import { attachSocket } from './attach.ts';
import type { keptOptions } from './options.ts';

const none = "there is no detached guest: 'vpmu run --keep' leaves one";
const noneKept = () => new UsageError(none);

/** `vpmu kept list`. Removes what killed keepers left behind. */
export async function list({ env, stdout }: CommandContext, { options }: Given<typeof keptOptions>): Promise<number> {
	const all = await listKept(env);
	const text = all.length === 0 ? `${none}\n` : all.map(attachText).join('\n');
	stdout.write(options.json ? `${JSON.stringify(all, null, 2)}\n` : text);
	return exitCodes.asPredicted;
}

/** `vpmu kept console`. */
export async function console(context: CommandContext, { positionals }: Given): Promise<number> {
	return await attach(context, await chosenOf(context, 'console', positionals[0]));
}

/** `vpmu kept end`. */
export async function end(context: CommandContext, { positionals }: Given): Promise<number> {
	for (const kept of await chosenOf(context, 'end', positionals[0])) {
		await endKept(kept);
		context.stdout.write(`${kept.cell} (${kept.id}) has been ended\n`);
	}
	await listKept(context.env);
	return exitCodes.asPredicted;
}

async function chosenOf({ env }: CommandContext, action: string, id: string | undefined): Promise<KeptGuest[]> {
	const all = await listKept(env);
	const chosen = id === undefined ? all : all.filter(kept => kept.id === id);
	if (id !== undefined && chosen.length === 0) {
		if (all.length === 0) throw noneKept();
		const ids = all.map(kept => kept.id);
		throw unknownName('detached guest', id, `of 'vpmu kept ${action}'`, ids);
	}
	return chosen;
}

async function attach(context: CommandContext, chosen: readonly KeptGuest[]): Promise<number> {
	const [kept, ...others] = chosen;
	if (kept === undefined) throw noneKept();
	if (others.length > 0) {
		throw new UsageError(`there are several detached guests; name one: ${chosen.map(one => one.id).join(', ')}`);
	}
	const socket = harmless(connect(kept.sockets.console));
	await once(socket, 'connect').catch(cause => {
		throw new VpmuError(`the console of ${kept.id} cannot be reached: ${cause.message}`, { blame: 'harness', cause });
	});
	// The shell printed its prompt before anyone was attached.
	socket.write('\n');
	return await attachSocket(context, socket);
}
