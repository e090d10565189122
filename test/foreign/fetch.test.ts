import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { link, lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { dir } from 'tmp-promise';
import { HostError } from '../../src/host/errors.ts';
import { getForeign, readForeign } from '../../src/host/files/fetch.ts';
import type { Host } from '../../src/host/host.ts';
import { localHost } from '../../src/host/local.ts';
import { plainHost } from '../../src/qemu/testing/hosts.ts';

/** This machine as a host that is reached by running commands, like ssh hosts and boards. */
const there = plainHost({ kind: 'ssh', name: 'ssh://foreign' });
const hosts = { here: localHost(), there };

const secret = 'a secret of this machine';

/** What may be found under a name on a host, and whether it may be fetched. */
const kinds: Readonly<Record<string, { make(file: string): Promise<unknown>; content?: string }>> = {
	'a file': { make: file => writeFile(file, 'some text\n\0\xff'), content: 'some text\n\0\xff' },
	'an empty file': { make: file => writeFile(file, ''), content: '' },
	'a setuid program that everyone may write to': {
		make: async file => {
			await writeFile(file, '#!/bin/sh\nid\n');
			execFileSync('chmod', ['--', '6777', file]);
		},
		content: '#!/bin/sh\nid\n',
	},
	nothing: { make: async () => undefined },
	'a link to a file': {
		make: async file => {
			await writeFile(`${file}.secret`, secret);
			await symlink(`${path.basename(file)}.secret`, file);
		},
	},
	'a link to /etc/passwd': { make: file => symlink('/etc/passwd', file) },
	'a link to /dev/zero': { make: file => symlink('/dev/zero', file) },
	'a link to nothing': { make: file => symlink('/nothing/here', file) },
	'a link to itself': { make: file => symlink(path.basename(file), file) },
	'another name of a file': {
		make: async file => {
			await writeFile(`${file}.secret`, secret);
			await link(`${file}.secret`, file);
		},
	},
	'a folder': { make: file => mkdir(file) },
	'a FIFO': { make: async file => void execFileSync('mkfifo', ['--', file]) },
	'a socket': {
		make: async file => {
			const server = createServer();
			// A relative path in the folder, whatever the name.
			const cwd = process.cwd();
			process.chdir(path.dirname(file));
			server.listen(`./${path.basename(file)}`);
			process.chdir(cwd);
			await once(server, 'listening');
			server.unref();
		},
	},
};

/** Names that a shell, tar or a terminal could misread. */
const names = ['log', '-rf', '--', 'a b', "it's", '$(id)', '`id`', '*', 'a\nb', '~', 'ü', '\x1b[2J', '..a', '-'];

for (const [where, host] of Object.entries(hosts)) {
	test(`only regular files are fetched, without their modes and owners: ${where}`, async t => {
		const { path: root, cleanup } = await dir({ unsafeCleanup: true });
		t.teardown(cleanup);
		const seen = new Set<string>();
		let count = 0;
		await fc.assert(
			fc.asyncProperty(fc.constantFrom(...Object.keys(kinds)), fc.constantFrom(...names), async (kind, name) => {
				seen.add(kind);
				const folder = path.join(root, String(count++));
				mkdirSync(path.join(folder, 'of host'), { recursive: true });
				const file = path.join(folder, 'of host', name);
				const { make, content } = kinds[kind]!;
				await make(file);
				const target = path.join(folder, 'copy');
				if (count % 2 === 0) await symlink('/etc/hostname', target);
				if (content !== undefined) {
					await host.get(file, target, { timeoutMs: 20_000 });
					t.is((await host.read(file, { timeoutMs: 20_000 })).toString(), content);
					const stats = await lstat(target);
					t.true(stats.isFile());
					t.is(stats.mode & 0o7133, 0, 'not setuid, and only writable by its owner');
					t.is(await readFile(target, 'utf8'), content);
					return;
				}
				for (const attempt of [host.get(file, target, { timeoutMs: 20_000 }), host.read(file, { timeoutMs: 20_000 })]) {
					const error = await t.throwsAsync(attempt, { instanceOf: HostError });
					t.is(error!.failure, 'copy');
					t.false(error!.message.includes(secret));
				}
				t.deepEqual(
					(await readdir(folder)).filter(one => one !== 'of host'),
					count % 2 === 0 ? ['copy'] : [],
				);
			}),
			{ numRuns: 60 },
		);
		t.true(seen.size > 5);
	});

	test(`a file that is longer than allowed is refused, or cut on request: ${where}`, async t => {
		const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
		t.teardown(cleanup);
		const file = path.join(folder, 'file');
		await writeFile(file, '0123456789');
		await t.throwsAsync(host.read(file, { maxBytes: 9 }), { message: /longer than 9 bytes/ });
		await t.throwsAsync(host.get(file, path.join(folder, 'copy'), { maxBytes: 9 }), { message: /longer than 9 bytes/ });
		t.is((await host.read(file, { maxBytes: 10 })).toString(), '0123456789');
		t.is((await host.read(file, { maxBytes: 4, cut: true })).toString(), '0123');
		t.is((await host.read(file, { maxBytes: 4, cut: true, from: 7 })).toString(), '789');
		t.is((await host.read(file, { from: 20 })).toString(), '');
		t.is((await host.read(file, { compressed: true })).toString(), '0123456789');
		t.deepEqual(await readdir(folder), ['file']);
	});

	test(`a file that is replaced by a link while it is opened is not followed: ${where}`, async t => {
		const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
		t.teardown(cleanup);
		const [file, hidden] = [path.join(folder, 'log'), path.join(folder, 'hidden')];
		await writeFile(hidden, secret);
		await writeFile(file, 'a log');
		// By its trap, the shell ends only after the command that it runs, which would write into a folder that is removed.
		const swap = `trap exit TERM
			cd "$1" && while ln -sf hidden link && mv -T link log && echo a log >new && mv -T new log; do :; done`;
		const swapper = spawn('sh', ['-c', swap, 'sh', folder], { stdio: 'ignore' });
		t.teardown(async () => {
			if (swapper.kill()) await once(swapper, 'exit');
		});
		const outcomes = { read: 0, refused: 0 };
		for (let attempt = 0; attempt < 60; attempt++) {
			const text = await host.read(file, { timeoutMs: 20_000 }).then(String, (error: unknown) => {
				t.true(error instanceof HostError, String(error));
				return undefined;
			});
			t.not(text, secret);
			outcomes[text === undefined ? 'refused' : 'read']++;
		}
		t.log(outcomes);
		t.is(swapper.exitCode, null, 'the files were exchanged to the end');
	});
}

/** What a misbehaving host sends in place of a file. */
const hostile: Readonly<Record<string, string>> = {
	'output without an end': 'yes',
	'one line without an end': "tr '\\0' x </dev/zero",
	'a file without an end': 'echo vpmu-file 5; cat /dev/zero',
	'a size that is none': 'echo vpmu-file -1; echo x',
	'a size of many digits': 'echo vpmu-file 9999999999999999999999; echo x',
	'an archive': 'tar -c -C / --owner=0 dev/null',
	'nothing, and success': 'true',
	'nothing, and a failure': 'echo no >&2; exit 3',
	'nothing, and no end': 'exec sleep 600',
	'a file that breaks off': 'echo vpmu-file 100; echo part; exit 1',
};

for (const [what, script] of Object.entries(hostile)) {
	test(`a host that sends ${what} leaves no file here`, async t => {
		const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
		t.teardown(cleanup);
		const host: Host = plainHost({
			...{ kind: 'ssh', name: 'ssh://hostile' },
			spawn: () => plainHost().spawn(['sh', '-c', `exec 2>&1 1>&1; ${script}`]),
		});
		const limits = { timeoutMs: 2000, maxBytes: 1 << 20 };
		await t.throwsAsync(getForeign(host, '/log', path.join(folder, 'copy'), limits));
		await t.throwsAsync(readForeign(host, '/log', limits));
		t.deepEqual(await readdir(folder), []);
	});
}

test('compressed output is unpacked only up to its limit', async t => {
	const host: Host = plainHost({
		kind: 'ssh',
		spawn: () => plainHost().spawn(['sh', '-c', 'echo vpmu-file 1000; head -c 100000000 /dev/zero | gzip -9']),
	});
	const error = await t.throwsAsync(readForeign(host, '/dtb', { maxBytes: 1 << 20, compressed: true }));
	t.regex(error!.message, /cannot be unpacked/);
});

test('a command with endless output is killed', async t => {
	await using host = localHost();
	for (const script of ['yes', 'yes >&2']) {
		await t.throwsAsync(host.run(['sh', '-c', script], { maxOutputBytes: 100_000 }), {
			instanceOf: HostError,
			message: /printed more than 100000 bytes/,
		});
	}
	t.is((await host.run(['sh', '-c', 'head -c 1000 /dev/zero'], { maxOutputBytes: 1000 })).stdout.length, 1000);
});

test.after.always(async () => {
	await hosts.here[Symbol.asyncDispose]();
});
