import { appendFileSync, writeFileSync } from 'node:fs';
import { type Host, localHost } from '../../src/host/index.ts';
import { messageOf, stringifyJson, UsageError } from '../../src/lib/index.ts';
import {
	type ConnectOptions,
	connectQmp,
	emitTypes,
	formatRecord,
	type QmpClient,
	QmpError,
	QmpSchema,
} from '../../src/qmp/index.ts';
import { parseSource } from '../plan/select.ts';
import { readCommand } from '../qmp-shell/arguments.ts';
import { connectBareQemu, startBareQemu } from '../qmp-shell/bare-qemu.ts';
import { runInteractive } from '../qmp-shell/interactive.ts';
import { runPiped } from '../qmp-shell/piped.ts';
import type { CommandContext } from '../usage/context.ts';
import { unknownName } from '../usage/unknown-name.ts';
import type { Command, ParsedCommand } from './command.ts';

/** `vpmu qmp`: one command, the declarations of its schema, or a shell. */
export const command: Command = {
	name: 'qmp',
	summary:
		'Executes a QMP command and prints what it returns as JSON; without a command, a shell. Arguments are key=value, dotted.key=value, list.0=value, or a JSON object. Exit status 1 when QEMU refuses the command.',
	usage: '--qemu QEMU | --socket PATH  [COMMAND [key=value | JSON]…]',
	options: {
		qemu: { value: 'QEMU', help: 'PATH or debian:SUITE: start this QEMU with -machine none -S, and end it afterwards' },
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
		throw new UsageError(`'vpmu qmp' needs one of --qemu QEMU and --socket PATH`);
	}
	const connectOptions = connectOptionsOf(context, options);
	if (typeof options.qemu === 'string') {
		await using host = localHost();
		await using qemu = await startBareQemu(host, await commandOf(context, host, options.qemu));
		await using qmp = await connectBareQemu(qemu, connectOptions);
		return await answer(context, qmp, options, positionals);
	}
	await using qmp = await connectQmp(addressOf(options.socket as string), connectOptions);
	return await answer(context, qmp, options, positionals);
}

/** How the QEMU of `--qemu` is started here. A name without a folder is looked for in PATH, as a shell does. */
async function commandOf(context: CommandContext, host: Host, source: string): Promise<readonly string[]> {
	if (!source.startsWith('debian:')) return [source];
	const { qemuCommand, resourcesFor } = await import('./inspect.ts');
	await using resources = resourcesFor(context);
	return await qemuCommand(resources, host, parseSource(source, '--qemu'));
}

function connectOptionsOf({ signal }: CommandContext, options: ParsedCommand['options']): ConnectOptions {
	const { record, 'timeout-ms': timeout } = options;
	if (typeof record === 'string') makeEmpty(record);
	if (timeout !== undefined && !/^[1-9]\d{0,8}$/.test(timeout as string)) {
		throw new UsageError(`the value '${timeout}' of --timeout-ms is not allowed: a positive number of milliseconds`);
	}
	return {
		signal,
		...(timeout === undefined ? {} : { commandTimeoutMs: Number(timeout) }),
		...(typeof record === 'string' ? { record: message => appendFileSync(record, formatRecord(message)) } : {}),
	};
}

/** @throws UsageError where no file can be written */
function makeEmpty(file: string): void {
	try {
		writeFileSync(file, '');
	} catch (error) {
		throw new UsageError(`the file '${file}' of --record cannot be written: ${messageOf(error)}`, { cause: error });
	}
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
	const askSchema = async () => new QmpSchema(await qmp.execute('query-qmp-schema', undefined, { signal }));
	if (options['emit-types'] === true) {
		const { qemu, package: packaged } = qmp.greeting.version;
		const version = `${qemu.major}.${qemu.minor}.${qemu.micro}${packaged === '' ? '' : ` (${packaged})`}`;
		stdout.write(emitTypes(await askSchema(), { version }));
		return 0;
	}
	if (positionals.length === 0) {
		const schema = await askSchema();
		if (context.stdin.isTTY !== true || stdout.isTTY !== true) return await runPiped(context, qmp, schema);
		await runInteractive(context, qmp, schema);
		return 0;
	}
	const needsSchema = positionals.slice(1).some(word => !word.startsWith('{'));
	const schema = needsSchema ? await askSchema() : undefined;
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
