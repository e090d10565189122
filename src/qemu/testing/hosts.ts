import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { getForeign, readForeign } from '../../host/files/fetch.ts';
import type { Host, HostProcess, ProcessExit } from '../../host/host.ts';

/** This machine as a host, with only the parts that these tests need. */
export function plainHost(overrides: Partial<Host> = {}): Host {
	const start = async (
		argv: readonly string[],
		options: { env?: Readonly<Record<string, string>>; cwd?: string } = {},
	) => {
		const child = spawn(argv[0]!, argv.slice(1), { ...options, env: { ...process.env, ...options.env } });
		const exited = new Promise<ProcessExit>(resolve =>
			child.once('exit', (status, signal) =>
				resolve(signal === null ? { status: status!, signal: null } : { status: null, signal }),
			),
		);
		await Promise.race([once(child, 'spawn'), once(child, 'error').then(([error]) => Promise.reject(error))]);
		const owned: HostProcess = {
			pid: child.pid!,
			stdin: child.stdin,
			stdout: child.stdout,
			stderr: child.stderr,
			exited,
			kill: async signal => void child.kill(signal),
			[Symbol.asyncDispose]: async () => {
				child.kill('SIGKILL');
				await exited;
			},
		};
		return owned;
	};
	const refuse = () => Promise.reject(new Error('not in this test host'));
	const host: Host = {
		name: 'local',
		kind: 'local',
		topology: null,
		rootBecause: null,
		reference: { kind: 'local' },
		spawn: start,
		async run(argv, options = {}) {
			const child = await start(argv, options);
			child.stdin.end(options.stdin);
			const [stdout, stderr, exit] = await Promise.all([
				child.stdout.toArray() as Promise<Buffer[]>,
				child.stderr.toArray() as Promise<Buffer[]>,
				child.exited,
			]);
			// Node kills the child on an abort; as with every host, the signal's reason is then thrown.
			options.signal?.throwIfAborted();
			return { ...exit, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
		},
		async connect(socketPath) {
			const socket = connect(socketPath);
			await Promise.race([once(socket, 'connect'), once(socket, 'error').then(([error]) => Promise.reject(error))]);
			return socket;
		},
		put: (from, to) => copyFile(from, to),
		get: (from, to, options = {}) => getForeign(host, from, to, options),
		read: (from, options = {}) => readForeign(host, from, options),
		provide: async localPath => localPath,
		async makeFolder() {
			const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
			return { path: folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
		},
		lock: refuse,
		[Symbol.asyncDispose]: async () => undefined,
		...overrides,
	};
	return host;
}
