import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { contention, poll } from '../../src/lib/index.ts';
import { copyCache } from '../testing/cache.ts';
import { processesWith, settledLeftovers } from '../testing/leftovers.ts';
import { startVpmu, temporaryFolder, type VpmuEnd, vpmu } from '../testing/vpmu.ts';

/*
 * vpmu is ended by SIGTERM and by SIGKILL at points that are told by its progress, never by time: a line that it printed, a
 * file that appeared, a process that it started. Nothing of it may be left, and the next use has to work.
 */

/** A command under test, in folders of its own. */
interface Setting {
	readonly folder: string;
	readonly tmp: string;
	readonly cache: string;
	readonly out: string;
	readonly env: NodeJS.ProcessEnv;
}

/** What a running command shows. */
interface Shown extends Setting {
	readonly output: string;
}

type Point = readonly [what: string, reached: (shown: Shown) => Promise<boolean> | boolean];

const says =
	(text: RegExp): Point[1] =>
	({ output }) =>
		text.test(output);

/** A file or folder in a folder of the command; `deep`: or below it. */
const exists =
	(where: 'tmp' | 'cache' | 'out', below: string, name: RegExp, deep = false): Point[1] =>
	async setting => {
		const found = await readdir(path.join(setting[where], below), { recursive: deep }).catch((): string[] => []);
		return found.some(file => name.test(file));
	};

const runs =
	(command: RegExp): Point[1] =>
	async ({ folder }) =>
		(await processesWith(folder)).some(process => command.test(process.command));

/** Builds have an environment of their own, so that only their command lines tell whose they are. */
const sleeps = { inConfigure: `sleep 4${process.pid}0`, leftBehind: `sleep 4${process.pid}1` };

async function isRunning(command: string): Promise<boolean> {
	const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
	const lines = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
	return lines.some(line => line.replaceAll('\0', ' ').trim() === command);
}

const event =
	(name: string): Point[1] =>
	async ({ out }) =>
		(await readFile(path.join(out, 'events.ndjson'), 'utf8').catch(() => '')).includes(`"event":"${name}"`);

interface Command {
	readonly argv: (setting: Setting) => readonly string[] | Promise<readonly string[]>;
	readonly points: readonly Point[];
	/** Typed as soon as the command runs; its input then stays open. */
	readonly typed?: string;
	/** Undoes what makes the command shorter than the first time. */
	readonly forget?: (setting: Setting) => Promise<void>;
	/** A complete use after the last point, other than `argv` to its end. */
	readonly use?: (setting: Setting) => Promise<VpmuEnd>;
}

const tcg = ['--accel', 'tcg', '--cpu', 'cortex-a72,pmu=off'];
const emulator: Point = ['QEMU runs', runs(/qemu-system-aarch64/)];
const folderMade: Point = ['its folder for sockets appears', exists('tmp', '', /^vpmu-/)];

/** A source of QEMU whose configuring does not end until it is told to. */
async function fakeSource({ folder }: Setting, endless: boolean): Promise<string> {
	const source = path.join(folder, endless ? 'fake-endless' : 'fake-qemu');
	if (existsSync(source)) return source;
	await mkdir(path.join(source, 'target/arm'), { recursive: true });
	await mkdir(path.join(source, 'pc-bios'));
	const ninja = ['rule cc', '  command = aarch64-linux-gnu-gcc -o \\$out \\$in'];
	const files = {
		VERSION: endless ? '10.9.8\n' : '10.9.9\n',
		'pc-bios/meson.build': "fds = ['edk2-aarch64-code.fd']\n",
		'target/arm/kvm.c': 'int main(void)\n{\n\treturn 0;\n}\n',
		configure: [
			'#!/bin/sh',
			...(endless ? ['echo configuring', `(${sleeps.leftBehind} &)`, sleeps.inConfigure] : []),
			'cat >build.ninja <<END',
			...[...ninja, 'build qemu-system-aarch64: cc ../source/target/arm/kvm.c', 'END', ''],
		].join('\n'),
	};
	for (const [name, text] of Object.entries(files)) await writeFile(path.join(source, name), text);
	await chmod(path.join(source, 'configure'), 0o755);
	const change = '@@ -1,4 +1,4 @@\n int main(void)\n {\n-\treturn 0;\n+\treturn 1;\n }\n';
	await writeFile(
		path.join(folder, 'one.patch'),
		`Subject\n\n--- a/target/arm/kvm.c\n+++ b/target/arm/kvm.c\n${change}`,
	);
	return source;
}

const seriesOf = async (setting: Setting, endless: boolean) => {
	const source = await fakeSource(setting, endless);
	return ['series', path.join(setting.folder, 'one.patch'), '--source', source, '--build-only'];
};

/** The board's records are its keeper's; a killed keeper's is removed by the next look. */
const commands: Readonly<Record<string, Command>> = {
	run: {
		argv: ({ out }) => ['run', '--out', out, 'fault/boots'],
		points: [
			['the run folder appears', exists('out', '', /^events\.ndjson$/)],
			folderMade,
			['the workers start', runs(/ava\/.*worker|ava\/entrypoints\/cli/)],
			['a cell starts', event('cell-start')],
			emulator,
			['the guest writes to its console', exists('out', 'cells', /console\.log$/, true)],
			['the cell ends', event('cell-end')],
		],
	},
	qmp: {
		argv: () => ['qmp', '--qemu', 'debian:trixie'],
		typed: 'query-status\n',
		points: [folderMade, emulator, ['a reply arrives', says(/"status"/)]],
		use: ({ env }) => vpmu(['qmp', '--qemu', 'debian:trixie', 'query-status'], { env }),
	},
	shell: {
		argv: () => ['shell', ...tcg],
		typed: 'echo six-$((2*3)); sleep 50000\n',
		points: [folderMade, emulator, ['the shell answers', says(/six-6/)]],
		use: ({ env }) => vpmu(['qmp', '--qemu', 'debian:trixie', 'query-status'], { env }),
	},
	'image build': {
		argv: () => ['image', 'build', 'guest'],
		forget: async ({ cache }) => {
			for (const kind of ['images', 'packages']) {
				for (const name of await readdir(path.join(cache, kind))) {
					if (/^(guest|busybox-static)[-_]/.test(name)) await rm(path.join(cache, kind, name), { recursive: true });
				}
			}
			await rm(path.join(cache, 'packages/pins'), { recursive: true, force: true });
		},
		points: [
			['it locks the index', runs(/packages\+index/)],
			['packages are fetched', exists('cache', 'tmp', /^debs-/)],
			['packages are unpacked', says(/Unpacking/)],
			['the image is begun', says(/Building image/)],
		],
	},
	'board up': {
		argv: () => ['board', 'up', 'uniform'],
		points: [['its keeper starts', exists('cache', 'boards', /\.json$/)], folderMade, emulator],
		use: async ({ env }) => {
			const up = await vpmu(['board', 'up', 'uniform'], { env, timeoutMs: 900_000 });
			const down = await vpmu(['board', 'down', 'uniform'], { env });
			return up.status === 0 ? down : up;
		},
	},
	'board up --foreground': {
		argv: () => ['board', 'up', 'uniform', '--foreground'],
		points: [emulator, ['the board is up', says(/is up: /)]],
	},
	series: {
		argv: setting => seriesOf(setting, true),
		points: [
			['it begins to configure', says(/Configuring/)],
			['it configures', () => isRunning(sleeps.inConfigure)],
			['the build has left a process behind', () => isRunning(sleeps.leftBehind)],
		],
		use: async setting => vpmu(await seriesOf(setting, false), { env: setting.env, timeoutMs: 900_000 }),
	},
};

async function settingOf(t: ExecutionContext): Promise<Setting> {
	const folder = await temporaryFolder(t);
	const [tmp, cache] = [path.join(folder, 't'), path.join(folder, 'cache')];
	await mkdir(tmp);
	await copyCache(cache);
	const env = {
		...{ TMPDIR: tmp, VPMU_CACHE: cache, VPMU_FAULT_FOLDER: folder },
		VPMU_CASES: 'test/faults/testing/cases',
	};
	return { folder, tmp, cache, out: path.join(folder, 'run'), env };
}

/** Runs a command up to a point and ends it there. */
async function killAt(t: ExecutionContext, command: Command, point: Point, signal: NodeJS.Signals, setting: Setting) {
	await command.forget?.(setting);
	await rm(setting.out, { recursive: true, force: true });
	const child = startVpmu(await command.argv(setting), { env: setting.env });
	if (command.typed !== undefined) child.stdin.write(command.typed);
	let output = '';
	for (const stream of [child.stdout, child.stderr]) stream.on('data', text => (output += text));
	const exited = new Promise<readonly [number | null, NodeJS.Signals | null]>(resolve => {
		child.once('exit', (...end) => resolve(end));
	});
	const [what, reached] = point;
	const what_ = `${signal} when ${what}`;
	let isReached = false;
	await poll(
		what,
		async () => {
			isReached = await reached({ ...setting, output });
			return isReached || child.exitCode !== null || undefined;
		},
		{ timeoutMs: 300_000 * contention(), everyMs: 5 },
	).catch(() => undefined);
	t.true(isReached, `${what} was never seen:\n${output}`);
	child.kill(signal);
	const end = await exited;
	if (signal === 'SIGTERM') t.true(end[0] === 130 || end[0] === 0, `${what_}: ended with ${end}\n${output}`);
	const traces = { mark: setting.folder, folders: [setting.tmp] };
	t.deepEqual(await settledLeftovers(traces, 30_000 * contention()), [], what_);
	for (const sleep of Object.values(sleeps)) {
		const gone = poll('its end', async () => ((await isRunning(sleep)) ? undefined : true), {
			timeoutMs: 30_000 * contention(),
		});
		await t.notThrowsAsync(gone, `${what_}: '${sleep}' still runs`);
	}
	t.notRegex(output, /a defect of vpmu itself/, what_);
}

for (const [name, command] of Object.entries(commands)) {
	test.serial(`${name}: ended at ${command.points.length} points by each signal, it leaves nothing`, async t => {
		t.timeout(3_600_000);
		const setting = await settingOf(t);
		for (const point of command.points) {
			for (const signal of ['SIGTERM', 'SIGKILL'] as const) await killAt(t, command, point, signal, setting);
		}
		const use =
			command.use ?? (async () => vpmu(await command.argv(setting), { env: setting.env, timeoutMs: 900_000 }));
		if (name === 'board up --foreground') return;
		await rm(setting.out, { recursive: true, force: true });
		const { status, stdout, stderr } = await use(setting);
		t.is(status, 0, `the next use:\n${stdout}${stderr}`);
		const traces = { mark: setting.folder, folders: [setting.tmp, path.join(setting.cache, 'tmp')] };
		t.deepEqual(await settledLeftovers(traces, 30_000 * contention()), [], 'after the next use');
	});
}

test('there are 50 points', t => {
	const points = Object.values(commands).flatMap(command => command.points);
	t.is(points.length * 2, 50);
});
