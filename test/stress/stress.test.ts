import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { poll } from '../../src/lib/index.ts';

const program = path.join(import.meta.dirname, 'stress.ts');

/** Finds the busy loops of a process in /proc. */
async function loopsOf(pid: number): Promise<readonly string[]> {
	const found: string[] = [];
	for (const name of await readdir('/proc')) {
		if (!/^\d+$/.test(name)) continue;
		const words = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
		if (words.endsWith(`\0busy-loop\0${pid}\0`)) found.push(name);
	}
	return found;
}

async function run(argv: readonly string[]) {
	const child = spawn(process.execPath, [program, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
	let text = '';
	for (const stream of [child.stdout, child.stderr]) {
		stream.on('data', (bytes: Buffer) => {
			text += bytes;
		});
	}
	const [status] = (await once(child, 'close')) as [number | null];
	return { status, text, left: await loopsOf(child.pid!) };
}

test('every round is reported, a failed one fails the whole, and no busy loop is left', async t => {
	const green = await run(['--rounds', '2', '--loops', '1', '--', 'true']);
	t.is(green.status, 0);
	t.regex(
		green.text,
		/^round 1 of 2: passed after \d+ s\nround 2 of 2: passed .*\nall 2 rounds passed beside 1 busy loops/,
	);
	const red = await run(['--rounds', '2', '--loops', '1', '--', 'false']);
	t.is(red.status, 1);
	t.regex(red.text, /2 of 2 rounds failed beside 1 busy loops .*: 1, 2\n$/);
	t.deepEqual([...green.left, ...red.left], []);
	for (const [argv, message] of [
		[['--rounds', '0'], /option '--rounds' takes a number from 1 to 999, not '0'/],
		[['--'], /there is no command after '--'/],
		[['--round', '1'], /Unknown option '--round'/],
	] as const) {
		const { status, text } = await run(argv);
		t.is(status, 2);
		t.regex(text, message);
	}
});

test('files named are run by AVA', async t => {
	const { status, text } = await run(['--rounds', '1', '--loops', '1', 'src/pmu/cpu-list.test.ts']);
	t.is(status, 0, text);
	t.regex(text, /\d+ tests? passed/);
});

test('the busy loops end with the process, even if it is killed', async t => {
	const child = spawn(process.execPath, [program, '--loops', '2', '--', 'sleep', '1'], { stdio: 'ignore' });
	const loops = () => loopsOf(child.pid!);
	await poll('two busy loops', async () => ((await loops()).length === 2 ? true : undefined), {});
	child.kill('SIGKILL');
	await once(child, 'exit');
	await poll('the end of the busy loops', async () => ((await loops()).length === 0 ? true : undefined), {});
	t.pass();
});

test('an interruption ends the whole command, not only the shell that it was started by', async t => {
	const inner = `sleep 86400.${process.pid}`;
	const child = spawn(process.execPath, [program, '--loops', '1', '--', 'sh', '-c', `${inner}; true`], {
		stdio: 'ignore',
	});
	const running = async () => {
		const all = await Promise.all(
			(await readdir('/proc'))
				.filter(name => /^\d+$/.test(name))
				.map(name => readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')),
		);
		return all.includes(`${inner.replace(' ', '\0')}\0`);
	};
	await poll('the command', async () => (await running()) || undefined, {});
	child.kill('SIGTERM');
	const [status] = (await once(child, 'exit')) as [number | null];
	t.is(status, 130);
	await poll('the end of the command', async () => !(await running()) || undefined, {});
	t.false(await running());
});
