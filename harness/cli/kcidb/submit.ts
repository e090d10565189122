import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { checkJson, eitherSignal, messageOf, shorten, UsageError, VpmuError } from '../../../src/lib/index.ts';
import { kcidbOf } from '../../../src/report/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import { readRun } from '../results/sides.ts';
import type { submitOptions } from './options.ts';
import { readSource } from './source.ts';

/** kcidb-ng's answer to `POST /submit`. */
const answerShape = v.looseObject({ id: v.string(), status: v.string(), message: v.nullish(v.string(), null) });

const answerMs = 120_000;
const longestAnswer = 64 * 1024;

/** `vpmu kcidb submit`. */
export async function submit(context: CommandContext, given: Given<typeof submitOptions>): Promise<number> {
	const source = readSource(given.options);
	const results = readRun(given.positionals[0]!, context.cwd);
	const { server, token } = endpointOf(context, given.options);
	const report = kcidbOf(results, source);
	const lacking = (['commit', 'tree', 'url'] as const).filter(name => source[name] === undefined);
	if (lacking.length > 0) {
		context.stderr.write(
			`vpmu: without ${lacking.map(name => `--${name}`).join(', ')} no dashboard shows the report\n`,
		);
	}
	const id = await send(report, { server, token, signal: context.signal });
	context.stdout.write(`submitted ${results.cells.length} tests to ${server.host}: ${id}\n`);
	return exitCodes.asPredicted;
}

interface Endpoint {
	readonly server: URL;
	readonly token: string;
}

/** Reads the target of the report. The token never appears in a message. @throws UsageError */
function endpointOf(
	{ env, cwd }: CommandContext,
	{ server: given, 'token-file': file }: Given<typeof submitOptions>['options'],
): Endpoint {
	const rest = env.KCIDB_REST || undefined;
	const text = given ?? rest;
	if (text === undefined)
		throw new UsageError("no server: give '--server URL', or set KCIDB_REST to https://TOKEN@HOST/submit");
	const where = given === undefined ? 'the environment variable KCIDB_REST' : "option '--server'";
	const server = URL.canParse(text) ? new URL(text) : undefined;
	const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(server?.hostname ?? '');
	if (server === undefined || !(server.protocol === 'https:' || (server.protocol === 'http:' && isHere))) {
		throw new UsageError(`${where} is not a server that a token may be sent to; allowed: https://HOST/submit`);
	}
	const inUrl = decodeURIComponent(server.username);
	if (given !== undefined && inUrl !== '') {
		throw new UsageError(
			`${where} contains a user or token, which others can read; use '--token-file', KCIDB_JWT or KCIDB_REST`,
		);
	}
	server.username = '';
	server.password = '';
	if (server.pathname === '/') server.pathname = '/submit';
	const token =
		file === undefined ? env.KCIDB_JWT || (given === undefined ? inUrl : '') : readToken(path.resolve(cwd, file), file);
	if (token === '') throw new UsageError("no token: give '--token-file FILE', or set KCIDB_JWT or KCIDB_REST");
	if (!/^[\w.~+/=-]+$/.test(token)) {
		throw new UsageError('the token contains characters that no token has; allowed: letters, digits and - . _ ~ + / =');
	}
	return { server, token };
}

function readToken(file: string, named: string): string {
	try {
		return readFileSync(file, 'utf8').trim();
	} catch (error) {
		throw new UsageError(`'${named}' of option '--token-file' cannot be read: ${messageOf(error)}`, { cause: error });
	}
}

/** Posts a report. Returns the id that the server gave it. @throws VpmuError */
async function send(
	report: string,
	{ server, token, signal }: Endpoint & { readonly signal: AbortSignal },
): Promise<string> {
	const failed = (what: string, cause?: unknown) =>
		new VpmuError(`the report was not submitted: ${what}`.replaceAll(token, '***'), {
			blame: 'host',
			...(cause === undefined ? {} : { cause }),
		});
	const limit = eitherSignal(signal, AbortSignal.timeout(answerMs)).signal;
	let status: number;
	let text: string;
	try {
		const response = await fetch(server, {
			...{ method: 'POST', body: report, signal: limit, redirect: 'error' },
			headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
		});
		status = response.status;
		text = await beginningOf(response);
	} catch (error) {
		if (signal.aborted) throw error;
		const cause = (error as { cause?: unknown }).cause ?? error;
		throw failed(`${server.host} could not be reached: ${messageOf(cause)}`);
	}
	if (status === 401 || status === 403) {
		throw new UsageError(`${server.host} refuses the token: ${shorten(text, 300)}`.replaceAll(token, '***'));
	}
	const answer = checkJson(text, answerShape);
	if (status !== 200) throw failed(`${server.host} answered ${status}: ${shorten(text, 300)}`);
	if (answer.state === 'damaged') throw failed(`the answer of ${server.host} ${answer.problem}`);
	if (answer.value.status !== 'ok') throw failed(`${server.host} says ${answer.value.status}: ${answer.value.message}`);
	return answer.value.id;
}

async function beginningOf(response: Response): Promise<string> {
	const parts: Uint8Array[] = [];
	let length = 0;
	for await (const part of response.body ?? []) {
		parts.push(part);
		length += part.length;
		if (length > longestAnswer) break;
	}
	return Buffer.concat(parts).toString('utf8', 0, longestAnswer);
}
