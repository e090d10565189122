import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { dir } from 'tmp-promise';
import type { Host } from './host.ts';
import { localHost } from './local.ts';
import { startTime } from './processes/started.ts';
import { Provider, type ProviderLimits } from './provider.ts';

const dayMs = 24 * 60 * 60 * 1000;

interface Setting {
	readonly host: Host;
	readonly folder: string;
	readonly store: string;
	/** A connection's provider, and the end of the connection. */
	connect(limits?: ProviderLimits): Promise<{ provider: Provider; end(): Promise<void> }>;
	/** A file to provide, of so many KiB. */
	file(name: string, sizeKiB?: number): Promise<string>;
}

/** This machine in place of an ssh host; a fake agent's folder says that a connection lives. */
async function setting(t: ExecutionContext): Promise<Setting> {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const host = localHost();
	t.teardown(() => host[Symbol.asyncDispose]());
	const store = path.join(folder, 'store');
	return {
		...{ host, folder, store },
		async connect(limits) {
			const agentFolder = await mkdtemp('/tmp/vpmu.');
			const end = () => rm(agentFolder, { recursive: true, force: true });
			t.teardown(end);
			await writeFile(path.join(agentFolder, 'owner'), `${process.pid} ${await startTime(process.pid)}\n`);
			return { provider: new Provider(host, { store, isShared: false, agentFolder, limits }), end };
		},
		async file(name, sizeKiB = 1) {
			const file = path.join(folder, name);
			await writeFile(file, Buffer.alloc(sizeKiB * 1024, name));
			return file;
		},
	};
}

async function unusedFor(copy: string, days: number): Promise<void> {
	const then = new Date(Date.now() - days * dayMs);
	await utimes(path.dirname(copy), then, then);
}

test('a copy that nobody has used for long is removed when something new is brought', async t => {
	const { connect, file, store } = await setting(t);
	const first = await connect();
	const [old, fresh] = [
		await first.provider.provide(await file('old'), {}),
		await first.provider.provide(await file('fresh'), {}),
	];
	await first.end();
	await unusedFor(old, 20);
	await unusedFor(fresh, 2);
	const second = await connect();
	const made = await second.provider.provide(await file('new'), {});
	t.deepEqual([existsSync(old), existsSync(fresh), existsSync(made)], [false, true, true]);
	t.deepEqual(
		(await readdir(store)).filter(name => name.startsWith('.old') || name.startsWith('.new')),
		[],
	);
});

test('a copy that a living connection uses stays, however old', async t => {
	const { connect, file, store } = await setting(t);
	const holder = await connect();
	const copy = await holder.provider.provide(await file('old'), {});
	await unusedFor(copy, 400);
	const other = await connect({ unusedDays: 1, sizeMiB: 0 });
	await other.provider.provide(await file('new'), {});
	t.true(existsSync(copy));
	// A second connection that finds it uses it too.
	const third = await connect();
	t.is(await third.provider.provide(await file('old'), {}), copy);
	await holder.end();
	await unusedFor(copy, 400);
	const fourth = await connect({ unusedDays: 1, sizeMiB: 0 });
	await fourth.provider.provide(await file('newer'), {});
	t.true(existsSync(copy));
	await third.end();
	await fourth.provider.provide(await file('newest'), {});
	t.false(existsSync(copy));
	t.is((await readdir(path.join(store, '.used'))).length, 3, 'marks of dead connections are gone');
});

test('beyond the size the copies that were unused for longest go first', async t => {
	const { connect, file } = await setting(t);
	const first = await connect();
	const copies: string[] = [];
	for (const [index, name] of ['a', 'b', 'c'].entries()) {
		copies.push(await first.provider.provide(await file(name, 1024), {}));
		await unusedFor(copies.at(-1)!, 3 - index);
	}
	await first.end();
	const second = await connect({ unusedDays: 14, sizeMiB: 3 });
	const made = await second.provider.provide(await file('d', 1024), {});
	t.deepEqual([...copies, made].map(existsSync), [false, false, true, true]);
});

test('a removed copy is brought again, with the same path and content', async t => {
	const { connect, file } = await setting(t);
	const first = await connect();
	const copy = await first.provider.provide(await file('a'), {});
	await first.end();
	await unusedFor(copy, 30);
	const second = await connect();
	await second.provider.provide(await file('b'), {});
	t.false(existsSync(copy));
	t.is(await second.provider.provide(await file('a'), {}), copy);
	t.deepEqual(await readFile(copy), await readFile(await file('a')));
});

test('two connections at once bring and prune, and each keeps what it was given', async t => {
	const { connect, file } = await setting(t);
	const tight = { unusedDays: 0, sizeMiB: 0 };
	const [one, two] = [await connect(tight), await connect(tight)];
	const files = await Promise.all(Array.from({ length: 6 }, (_, index) => file(`f${index}`)));
	const copies = await Promise.all(
		files.flatMap(each => [one.provider.provide(each, {}), two.provider.provide(each, {})]),
	);
	t.true(copies.every(copy => existsSync(copy)));
	t.is(new Set(copies).size, files.length);
});
