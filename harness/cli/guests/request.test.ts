import { PassThrough } from 'node:stream';
import test from 'ava';
import { UsageError } from '../../../src/lib/index.ts';
import { builtKernels } from '../../plan/select.ts';
import type { RunRequest } from '../../run/request/request.ts';
import { invoke } from '../application.ts';
import { kernels } from '../candidates.ts';
import type { Given } from '../command.ts';
import { commands } from '../index.ts';
import type { runOptions } from './options.ts';
import { requestOf } from './run.ts';

/** Parses a command line of `vpmu run` into a request. */
async function asked(...argv: string[]): Promise<RunRequest> {
	const stream = new PassThrough().resume();
	const { signal } = new AbortController();
	const context = { stdin: stream, stdout: stream, stderr: stream, env: {}, cwd: '/', signal };
	let request: RunRequest | undefined;
	await invoke(commands, ['run', ...argv], context, async (_, given) => {
		request = requestOf(given as Given<typeof runOptions>);
		return 0;
	});
	return request!;
}

test('a command line becomes a request that holds the words as typed', async t => {
	const argv = [
		'pmu/default-counts',
		'--on',
		'board:uniform',
		'--machine',
		'virt,virt-9.2',
		'--jobs=3',
		'--silence',
		'7',
	];
	t.like(await asked(...argv, '--retries', '2', '--retry-failures', '--no-wait', '--out', 'x', '--json'), {
		argv: ['vpmu', 'run', ...argv, '--retries', '2', '--retry-failures', '--no-wait', '--out', 'x', '--json'],
		selection: { cases: ['pmu/default-counts'], on: 'board:uniform', machines: ['virt', 'virt-9.2'] },
		...{ jobs: 3, silenceMs: 7000, retries: 2, retryFailures: true, wait: false, keep: false, out: 'x', json: true },
		...{ kernel: 'debian:trixie', boardKernel: 'debian:trixie', quarantine: undefined, labels: {} },
	});
	t.like(await asked(), { retries: 0, retryFailures: false, wait: true, jobs: undefined, silenceMs: undefined });
});

test('one kernel is that of the run, several are an axis, also to run one of their cells again', async t => {
	const axes = async (...argv: string[]) => {
		const { kernel, boardKernel, selection } = await asked('--on', 'board', ...argv);
		return [kernel, boardKernel, selection.kernels, selection.boardKernels];
	};
	t.deepEqual(await axes('--kernel', 'small', '--board-kernel', 'debug'), ['small', 'debug', undefined, undefined]);
	const boards = ['--board-kernel', 'debian:bookworm', '--board-kernel', 'debian:trixie'];
	t.deepEqual(await axes(...boards, '--board-kernel', 'debian:trixie'), [
		...['debian:trixie', 'debian:bookworm', undefined],
		['debian:bookworm', 'debian:trixie'],
	]);
	const cell = 'pmu/a[uniform,debian:trixie,virt,kernel=small,board-kernel=debian:bookworm]';
	t.deepEqual(await axes('--cell', cell, '--kernel', 'small', '--board-kernel', 'debian:bookworm'), [
		...['small', 'debian:bookworm', [null, 'small']],
		[null, 'debian:bookworm'],
	]);
	await t.throwsAsync(asked('--on', 'ssh://lab', ...boards), {
		message:
			"option '--board-kernel' is given 2 times, and '--on ssh://lab' is not a board, which alone can have another kernel",
	});
});

test('random hosts: number and seed', async t => {
	t.deepEqual((await asked()).selection.random, { count: 60, seed: 1 });
	t.deepEqual((await asked('--random', '5', '--seed', '77')).selection.random, { count: 5, seed: 77 });
	await t.throwsAsync(asked('--random', '0'), { instanceOf: UsageError, message: /'0' of option '--random'/ });
	await t.throwsAsync(asked('--seed', '-1'), { instanceOf: UsageError, message: /--seed/ });
});

test('labels are kept as typed', async t => {
	const given = ['build=1234', 'git.commit/sha-1=abc', 'empty=', 'why=a = b "c" é'].flatMap(text => ['--label', text]);
	t.deepEqual((await asked(...given)).labels, {
		...{ build: '1234', 'git.commit/sha-1': 'abc', empty: '', why: 'a = b "c" é' },
	});
	t.deepEqual((await asked('--label', 'constructor=1', '--label', 'toString=2')).labels, {
		...{ constructor: '1', toString: '2' },
	} as never);
});

for (const [argv, message] of [
	[['--label', 'build'], /^'build' of option '--label' is not a label; allowed: KEY=VALUE/],
	[['--label', '=x'], /^'=x' of option '--label'/],
	[['--label', 'a b=c'], /^'a b=c' of option '--label'/],
	[['--label', 'a=b\nc'], /of option '--label' is not a label/],
	[['--label', '__proto__=1'], /of option '--label' is not a label/],
	[['--label', 'a=1', '--label', 'a=1'], /^label 'a' of option '--label' was given twice/],
	[['--retry-failures'], /needs '--retries N'/],
	[['--retries', 'x'], /^'x' of option '--retries' is not valid; allowed: whole numbers from 0 to 1000000$/],
	[['--jobs', '0'], /^'0' of option '--jobs'/],
	[['--shard', '3/2'], /'3\/2' of option '--shard'/],
	[['--on', 'board:biglitle'], /unknown topology 'biglitle' .*\(did you mean 'biglittle'\?\)/],
	[['--qemu', 'debian:trixy'], /unknown suite 'trixy' .*\(did you mean 'trixie'\?\)/],
] as const) {
	test(`refused: ${argv.join(' ')}`, async t => {
		await t.throwsAsync(asked(...argv), { instanceOf: UsageError, message });
	});
}

test('the help of each option that takes a kernel names all that it takes', t => {
	const specs = Object.entries(commands).flatMap(([name, spec]) =>
		Object.entries('actions' in spec ? spec.actions : { '': spec }).map(
			([action, one]) => [name, action, one] as const,
		),
	);
	let count = 0;
	for (const [name, action, { options }] of specs) {
		for (const [option, { candidates, help }] of Object.entries(options)) {
			if (candidates !== kernels) continue;
			count++;
			for (const form of [...builtKernels, 'debian:SUITE', 'PATH', 'Debian package']) {
				t.true(help.includes(form), `vpmu ${name} ${action} --${option}: ${form}`);
			}
		}
	}
	t.true(count > 5);
});
