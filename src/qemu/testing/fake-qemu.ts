/**
 * A scripted fake of QEMU, for faults that a real QEMU does not produce on demand. It takes its socket paths from QEMU's own
 * options, answers a few QMP commands, and misbehaves as FAKE_QEMU (JSON, see {@link Script}) says.
 */
import { constants, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export interface Script {
	/** Exits before it makes any socket, with this stderr and status. With `argument`, only if the command line contains it. */
	readonly dieAtStart?: { readonly stderr: string; readonly status: number; readonly argument?: string };
	/** Written to stderr at the start. */
	readonly stderr?: string;
	/** Written to the file of `-D` at the start. */
	readonly log?: string;
	/** Never makes its sockets. */
	readonly noSockets?: boolean;
	/** Milliseconds until it makes the sockets. */
	readonly socketsAfterMs?: number;
	/** Accepts connections but sends nothing. */
	readonly silent?: boolean;
	/**
	 * Replies by command. A string starting with `die:` ends the process: `die:SIGABRT:last words`, `die:3:last words`. `hang`:
	 * no reply.
	 */
	readonly replies?: Readonly<Record<string, unknown>>;
	/** Error replies by command. */
	readonly refusals?: Readonly<Record<string, { readonly class: string; readonly desc: string }>>;
	/** Milliseconds after `cont` until it exits with status 0, as when the guest powers off. */
	readonly endAfterContMs?: number;
	/** Milliseconds after `cont` until it sends the events; STOP and RESUME change the result of `query-status`. */
	readonly eventsAfterContMs?: number;
	readonly events?: readonly { readonly event: string; readonly data?: object }[];
	/** How many times to send them. */
	readonly eventsTimes?: number;
	/** The run state after STOP. Default `paused`. */
	readonly stoppedState?: string;
	/** Written to the console at `cont`. */
	readonly console?: string;
	/** Ignores SIGTERM. */
	readonly ignoreTerm?: boolean;
}

const script = JSON.parse(process.env.FAKE_QEMU ?? '{}') as Script;
const argv = process.argv.slice(2);
const socketPath = (id: string) =>
	argv.map(word => new RegExp(`^socket,id=${id},path=([^,]+),`).exec(word)?.[1]).find(found => found !== undefined);

if (script.ignoreTerm === true) process.on('SIGTERM', () => undefined);
if (script.log !== undefined) writeFileSync(argv[argv.indexOf('-D') + 1]!, script.log);
const { dieAtStart } = script;
if (dieAtStart !== undefined && (dieAtStart.argument === undefined || argv.includes(dieAtStart.argument))) {
	writeFileSync(2, dieAtStart.stderr);
	process.exit(dieAtStart.status);
}
if (script.stderr !== undefined) writeFileSync(2, script.stderr);

/** The console, if it is a pair of FIFOs. */
const fifos = argv.map(word => /^pipe,id=console,path=(.+)$/.exec(word)?.[1]).find(found => found !== undefined);
let consoleFd: number | undefined;
let consoleSocket: Socket | undefined;
const connected = new Set<string>();

function listen(id: string, serve: (socket: Socket) => void): void {
	const path = socketPath(id);
	if (path === undefined) return;
	rmSync(path, { force: true });
	createServer(socket => {
		connected.add(id);
		socket.on('error', () => undefined);
		serve(socket);
	}).listen(path);
}

let stopped = false;
const version = { qemu: { major: 9, minor: 9, micro: 9 }, package: 'fake' };
const defaults: Readonly<Record<string, () => unknown>> = {
	qmp_capabilities: () => ({}),
	cont: () => ({}),
	quit: () => ({}),
	'query-status': () => ({ status: stopped ? (script.stoppedState ?? 'paused') : 'running', running: !stopped }),
	'query-chardev': () =>
		['qmp', 'console', 'port0'].map(label => ({
			label,
			filename: `${connected.has(label) ? '' : 'disconnected:'}unix:${socketPath(label)},server=on`,
		})),
};

function serveQmp(socket: Socket): void {
	if (script.silent === true) return;
	const say = (message: unknown) => socket.write(`${JSON.stringify(message)}\r\n`);
	say({ QMP: { version, capabilities: [] } });
	createInterface(socket).on('line', line => answer(JSON.parse(line), say));
}

function answer({ execute, id }: { execute: string; id: unknown }, say: (message: unknown) => void): void {
	const reply = script.replies?.[execute] ?? defaults[execute]?.();
	if (reply === 'hang') return;
	if (typeof reply === 'string' && reply.startsWith('die:')) {
		die(reply);
		return;
	}
	const refusal = script.refusals?.[execute];
	if (refusal !== undefined || reply === undefined) {
		const unknown = { class: 'CommandNotFound', desc: `The command ${execute} has not been found` };
		say({ error: refusal ?? unknown, id });
		return;
	}
	say({ return: reply, id });
	if (execute === 'quit') setTimeout(() => process.exit(0), 5);
	if (execute === 'cont') {
		consoleSocket?.write(script.console ?? '');
		if (consoleFd !== undefined) writeFileSync(consoleFd, script.console ?? '');
		if (script.events !== undefined) setTimeout(() => sayEvents(say), script.eventsAfterContMs ?? 0);
		if (script.endAfterContMs !== undefined) setTimeout(() => process.exit(0), script.endAfterContMs);
	}
}

function sayEvents(say: (message: unknown) => void): void {
	const events = Array.from({ length: script.eventsTimes ?? 1 }, () => script.events ?? []).flat();
	for (const { event, data } of events) {
		if (event === 'STOP' || event === 'RESUME') stopped = event === 'STOP';
		say({ timestamp: { seconds: 1, microseconds: 0 }, event, ...(data === undefined ? {} : { data }) });
	}
}

function die(how: string): void {
	const [, end = '', words = ''] = how.split(':');
	writeFileSync(2, `${words}\n`);
	if (/^\d+$/.test(end)) process.exit(Number(end));
	process.kill(process.pid, end);
}

if (script.noSockets === true) setInterval(() => undefined, 1000);
else {
	setTimeout(() => {
		if (fifos !== undefined) {
			openSync(`${fifos}.in`, constants.O_RDWR);
			consoleFd = openSync(`${fifos}.out`, constants.O_RDWR);
		}
		listen('qmp', serveQmp);
		listen('console', socket => {
			consoleSocket = socket;
		});
		listen('port0', () => undefined);
		const waitedFor = argv.find(word => /^socket,.*,wait=on$/.test(word));
		if (waitedFor !== undefined) writeFileSync(2, `qemu: info: QEMU waiting for connection on: ${waitedFor}\n`);
	}, script.socketsAfterMs ?? 0);
}
