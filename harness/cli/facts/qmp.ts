import { appendFileSync, writeFileSync } from 'node:fs';
import { type Host, localHost } from '../../../src/host/index.ts';
import { messageOf, stringifyJson, UsageError } from '../../../src/lib/index.ts';
import {
	type ConnectOptions,
	connectQmp,
	emitTypes,
	formatRecord,
	type QmpClient,
	QmpError,
	QmpSchema,
} from '../../../src/qmp/index.ts';
import { parseSource } from '../../plan/select.ts';
import { readCommand } from '../../qmp-shell/arguments.ts';
import { connectBareQemu, startBareQemu } from '../../qmp-shell/bare-qemu.ts';
import { runInteractive } from '../../qmp-shell/interactive.ts';
import { runPiped } from '../../qmp-shell/piped.ts';
import type { CommandContext } from '../../usage/context.ts';
import { unknownName } from '../../usage/unknown-name.ts';
import type { Given } from '../command.ts';
import type { qmpOptions } from './options.ts';

/** `vpmu qmp`: executes one command, prints the schema's declarations, or opens a shell. */
export async function qmp(
	context: CommandContext,
	{ options, positionals }: Given<typeof qmpOptions>,
): Promise<number> {
	if ((options.qemu === undefined) === (options.socket === undefined)) {
		throw new UsageError(`'vpmu qmp' needs one of --qemu QEMU and --socket PATH`);
	}
	const [command] = positionals;
	if (options['emit-types'] && command !== undefined) {
		throw new UsageError(`unexpected argument '${command}' of 'vpmu qmp --emit-types', which executes no command`);
	}
	if (options.oob && command === undefined) throw new UsageError("option '--oob' needs a command");
	const connectOptions = connectOptionsOf(context, options);
	if (options.qemu !== undefined) {
		await using host = localHost();
		await using qemu = await startBareQemu(host, await commandOf(context, host, options.qemu));
		await using client = await connectBareQemu(qemu, connectOptions);
		return await answer(context, client, options, positionals);
	}
	await using client = await connectQmp(addressOf(options.socket!), connectOptions);
	return await answer(context, client, options, positionals);
}

type Values = Given<typeof qmpOptions>['options'];

/** Resolves `--qemu` on this machine. A name without a folder is looked up in PATH, as in a shell. */
async function commandOf(context: CommandContext, host: Host, source: string): Promise<readonly string[]> {
	if (!source.startsWith('debian:')) return [source];
	const { qemuCommand, resourcesFor } = await import('../resources.ts');
	await using resources = resourcesFor(context);
	return await qemuCommand(resources, host, parseSource(source, '--qemu'));
}

function connectOptionsOf({ signal }: CommandContext, options: Values): ConnectOptions {
	const { record, 'timeout-ms': timeout } = options;
	if (record !== undefined) makeEmpty(record);
	return {
		signal,
		...(timeout === undefined ? {} : { commandTimeoutMs: timeout }),
		...(record === undefined ? {} : { record: message => appendFileSync(record, formatRecord(message)) }),
	};
}

/** @throws UsageError if the file cannot be written */
function makeEmpty(file: string): void {
	try {
		writeFileSync(file, '');
	} catch (error) {
		throw new UsageError(`the file '${file}' of --record cannot be written: ${messageOf(error)}`, { cause: error });
	}
}

/** @throws UsageError for a port that there is not */
function addressOf(socket: string): string | { host: string; port: number } {
	const tcp = /^(\[[^\]]+\]|[^/:]+):(\d+)$/.exec(socket);
	if (tcp === null) return socket;
	const port = Number(tcp[2]);
	if (port < 1 || port > 65535) {
		throw new UsageError(`port '${tcp[2]}' of option '--socket' is not valid; allowed: whole numbers from 1 to 65535`);
	}
	return { host: tcp[1]!.replace(/^\[|\]$/g, ''), port };
}

async function answer(
	context: CommandContext,
	qmp: QmpClient,
	options: Values,
	positionals: readonly string[],
): Promise<number> {
	const { signal, stdout, stderr } = context;
	const askSchema = async () => new QmpSchema(await qmp.execute('query-qmp-schema', undefined, { signal }));
	if (options['emit-types']) {
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
		const value = await qmp.execute(name, args, { signal, oob: oob || options.oob });
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
