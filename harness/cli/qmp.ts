import { appendFileSync, writeFileSync } from 'node:fs';
import {
	type ConnectOptions,
	connectQmp,
	emitTypes,
	formatRecord,
	type QmpClient,
	QmpError,
	QmpSchema,
	stringifyJson,
	UsageError,
} from '../../src/index.ts';
import { readCommand } from '../qmp-shell/arguments.ts';
import { startBareQemu } from '../qmp-shell/bare-qemu.ts';
import { runShell } from '../qmp-shell/shell.ts';
import { type Command, type CommandContext, type ParsedCommand, unknownName } from './command.ts';

/** `vpmu qmp`: one command, the declarations of its schema, or a shell. */
export const command: Command = {
	name: 'qmp',
	summary:
		'Executes a QMP command and prints what it returns as JSON; without a command, a shell. Arguments are key=value, dotted.key=value, list.0=value, or a JSON object. Exit status 1 when QEMU refuses the command.',
	usage: '--qemu PATH | --socket PATH  [COMMAND [key=value | JSON]…]',
	options: {
		qemu: { value: 'PATH', help: 'start this QEMU with -machine none -S, and end it afterwards' },
		socket: { value: 'PATH', help: 'connect to the QMP socket of a QEMU that runs (PATH or HOST:PORT)' },
		oob: { help: 'execute out of band: at once, overtaking commands that block' },
		'emit-types': { help: "print TypeScript declarations of this QEMU's commands and events" },
		record: { value: 'FILE', help: 'write both directions, with times, as NDJSON' },
		'timeout-ms': { value: 'N', help: 'how long a command may take (default 60000)' },
	},
	positionals: { maximum: Number.POSITIVE_INFINITY },
	run,
};

async function run(context: CommandContext, { options, positionals }: ParsedCommand): Promise<number> {
	if ((options.qemu === undefined) === (options.socket === undefined)) {
		throw new UsageError(`'vpmu qmp' needs one of --qemu PATH and --socket PATH`);
	}
	const connectOptions = connectOptionsOf(context, options);
	if (typeof options.qemu === 'string') {
		await using bare = await startBareQemu(options.qemu, connectOptions);
		return await answer(context, bare.qmp, options, positionals);
	}
	await using qmp = await connectQmp(addressOf(options.socket as string), connectOptions);
	return await answer(context, qmp, options, positionals);
}

function connectOptionsOf({ signal }: CommandContext, options: ParsedCommand['options']): ConnectOptions {
	const { record, 'timeout-ms': timeout } = options;
	if (typeof record === 'string') writeFileSync(record, '');
	if (timeout !== undefined && !/^[1-9]\d{0,8}$/.test(timeout as string)) {
		throw new UsageError(`the value '${timeout}' of --timeout-ms is not allowed: a positive number of milliseconds`);
	}
	return {
		signal,
		...(timeout === undefined ? {} : { commandTimeoutMs: Number(timeout) }),
		...(typeof record === 'string' ? { record: message => appendFileSync(record, formatRecord(message)) } : {}),
	};
}

function addressOf(socket: string): string | { host: string; port: number } {
	const tcp = /^(\[[^\]]+\]|[^/:]+):(\d+)$/.exec(socket);
	return tcp === null ? socket : { host: tcp[1]!.replace(/^\[|\]$/g, ''), port: Number(tcp[2]) };
}

async function answer(
	context: CommandContext,
	qmp: QmpClient,
	options: ParsedCommand['options'],
	positionals: readonly string[],
): Promise<number> {
	const { signal, stdout, stderr } = context;
	if (options['emit-types'] === true) {
		const { qemu, package: packaged } = qmp.greeting.version;
		const version = `${qemu.major}.${qemu.minor}.${qemu.micro}${packaged === '' ? '' : ` (${packaged})`}`;
		stdout.write(emitTypes(new QmpSchema(await qmp.execute('query-qmp-schema', undefined, { signal })), { version }));
		return 0;
	}
	if (positionals.length === 0) return await runShell(context, qmp);
	const needsSchema = positionals.slice(1).some(word => !word.startsWith('{'));
	const schema = needsSchema ? new QmpSchema(await qmp.execute('query-qmp-schema', undefined, { signal })) : undefined;
	const { name, args, oob } = readCommand(positionals, schema);
	try {
		const value = await qmp.execute(name, args, { signal, oob: oob || options.oob === true });
		stdout.write(`${stringifyJson(value, stdout.isTTY === true ? { indent: 2 } : {})}\n`);
		return 0;
	} catch (error) {
		if (!(error instanceof QmpError) || error.code !== 'QMP_COMMAND') throw error;
		if (error.class === 'CommandNotFound') {
			const commands = (await qmp.execute('query-commands', undefined, { signal })).map(({ name: known }) => known);
			const { message } = unknownName('QMP command', name, 'of this QEMU', commands);
			throw new UsageError(message.replace(/; allowed: .*/s, ''), { cause: error });
		}
		stderr.write(`${error.message}\n`);
		return 1;
	}
}
