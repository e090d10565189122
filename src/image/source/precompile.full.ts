import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { dir } from 'tmp-promise';
import { openCache } from '../cache/cache.ts';
import { runInSandbox } from '../sandbox/index.ts';
import { precompiledFlags, precompileScript } from './precompile.ts';
import { openBuildRoot } from './recipe.ts';

const cc = `aarch64-linux-gnu-gcc -iquote /mnt/source/include -iquote . -O1 ${precompiledFlags}`;

/** A tree with the shape of QEMU's: 40 files that include osdep.h first. */
async function treeWith(t: ExecutionContext, osdep: string, others: Readonly<Record<string, string>>, option = '-g0') {
	const { path: work, cleanup } = await dir({ prefix: 'vpmu-precompile-', unsafeCleanup: true });
	t.teardown(cleanup);
	const files = {
		'source/include/qemu/osdep.h': osdep,
		'build/config-host.h': '#define HOST 1\n',
		'build/compile_commands.json': JSON.stringify(
			Array.from({ length: 40 }, () => ({ command: `${cc} ${option} -MD -MQ a.o -MF a.o.d -o a.o -c ../source/a.c` })),
		),
		'source/a.c': '#include "qemu/osdep.h"\nint value = VALUE;\n',
		...others,
	};
	for (const [name, text] of Object.entries(files)) {
		await mkdir(path.dirname(path.join(work, name)), { recursive: true });
		await writeFile(path.join(work, name), text);
	}
	const { folder: root } = await openBuildRoot(await openCache());
	const run = async (script: string) => {
		const { status, stdout, stderr } = await runInSandbox(await openCache(), {
			...{ root, work, script: `cd /mnt/build && ${script}`, env: {} },
		});
		t.is(status, 0, `${stdout}${stderr}`);
		return `${stdout}${stderr}`;
	};
	/** Compiles the file: whether by a precompiled header, what it depends on, and its assembler. */
	const compiled = async () => {
		// GCC -H marks a precompiled header by '!'.
		const said = await run(`${cc} -H -MD -MF a.d -S -o a.s ../source/a.c 2>&1`);
		const [needs, text] = await Promise.all(
			['a.d', 'a.s'].map(name => readFile(path.join(work, 'build', name), 'utf8')),
		);
		return { isQuick: /^! /m.test(said), needs: needs!, value: Number(/\.word\t(\d+)/.exec(text!)?.[1]) };
	};
	return { work, run, compiled };
}

test('osdep.h is precompiled, and again only when a header in it has changed', async t => {
	const osdep = '#include "config-host.h"\n#include "qemu/other.h"\n#define VALUE (OTHER + HOST)\n';
	const other = 'source/include/qemu/other.h';
	const { work, run, compiled } = await treeWith(t, osdep, { [other]: '#define OTHER 10\n' });
	t.like(await compiled(), { isQuick: false, value: 11 });
	await run(precompileScript);
	const first = await compiled();
	t.like(first, { isQuick: true, value: 11 });
	for (const header of ['other.h', 'config-host.h', 'osdep.h']) t.true(first.needs.includes(header), first.needs);

	const folder = path.join(work, 'source/include/qemu/osdep.h.gch');
	const madeOf = async () => (await run('stat -c %y.%i ../source/include/qemu/osdep.h.gch/*')).trim();
	const made = await madeOf();
	await run(precompileScript);
	t.is(await madeOf(), made, 'nothing has changed');
	t.is((await readdir(folder)).length, 1);

	await writeFile(path.join(work, other), '#define OTHER 20\n');
	t.like(await compiled(), { isQuick: true, value: 11 }, 'GCC does not notice');
	await run(precompileScript);
	t.like(await compiled(), { isQuick: true, value: 21 });
	await writeFile(path.join(work, 'build/config-host.h'), '#define HOST 2\n');
	await run(precompileScript);
	t.like(await compiled(), { isQuick: true, value: 22 });

	await writeFile(path.join(work, other), '#error broken\n');
	await run(precompileScript);
	t.deepEqual(await readdir(folder), [], 'the compiler reports it where it is included');
});

test('a header that ninja makes is never in it; one that configure makes may be', async t => {
	for (const [name, isQuick] of [
		['qapi/made.h', false],
		['x-config-made.h', true],
	] as const) {
		const osdep = `#include "${name}"\n#define VALUE MADE\n`;
		const { work, run, compiled } = await treeWith(t, osdep, { [`build/${name}`]: '#define MADE 5\n' });
		await run(precompileScript);
		t.like(await compiled(), { isQuick, value: 5 });
		t.is((await readdir(path.join(work, 'source/include/qemu/osdep.h.gch'))).length, isQuick ? 1 : 0);
	}
});

test('what is not known to be up to date is removed, also if the script fails; what the compiler says of a header is shown', async t => {
	const osdep =
		'#include "qemu/other.h"\nstatic inline int unused(void) { int none; return 1; }\n#define VALUE OTHER\n';
	const other = 'source/include/qemu/other.h';
	const { work, run, compiled } = await treeWith(t, osdep, { [other]: '#define OTHER 10\n' }, '-Wall');
	t.regex(await run(precompileScript), /osdep\.h:2:\d+: warning: unused variable/);
	t.like(await compiled(), { isQuick: true, value: 10 });
	const commands = path.join(work, 'build/compile_commands.json');
	const all = await readFile(commands, 'utf8');
	for (const left of [JSON.stringify(JSON.parse(all).slice(0, 10)), 'no JSON']) {
		await writeFile(commands, all);
		await run(precompileScript);
		t.true((await compiled()).isQuick);
		await writeFile(path.join(work, other), '#define OTHER 20\n');
		await writeFile(commands, left);
		await run(precompileScript);
		t.like(await compiled(), { isQuick: false, value: 20 });
		await writeFile(path.join(work, other), '#define OTHER 10\n');
	}
});

test('options that few files have get none, and files with other options the header itself', async t => {
	const osdep = '#ifdef ONE\n#define VALUE 1\n#else\n#define VALUE 2\n#endif\n';
	const few = Array.from({ length: 10 }, () => ({ command: `${cc} -DONE -MD -MF b.d -o b.o -c ../source/a.c` }));
	const many = Array.from({ length: 30 }, () => ({ command: `${cc} -MD -MF a.d -o a.o -c ../source/a.c` }));
	const { run, compiled } = await treeWith(t, osdep, {
		'build/compile_commands.json': JSON.stringify([...few, ...many]),
	});
	await run(precompileScript);
	t.like(await compiled(), { isQuick: true, value: 2 });
	const other = await run(`${cc} -DONE -Wall -H -S -o - ../source/a.c 2>&1`);
	t.regex(other, /\.word\t1\n/);
	t.notRegex(other, /^! |osdep.*warning/m);
});
