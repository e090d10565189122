import { PassThrough } from 'node:stream';
import test from 'ava';
import { UsageError } from '../../src/index.ts';
import { parseCommand } from './command.ts';
import { command } from './shell.ts';

async function run(argv: readonly string[], typed: string, waitFor: RegExp) {
	const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
	const { signal } = new AbortController();
	let shown = '';
	stderr.resume();
	stdout.on('data', bytes => {
		const before = waitFor.test(shown);
		shown += bytes;
		if (!before && waitFor.test(shown)) stdin.write(typed);
	});
	const context = { stdin, stdout, stderr, env: process.env, cwd: process.cwd(), signal };
	const status = await command.run(context, parseCommand(command, argv));
	return { status, shown };
}

test('a guest with its console attached: what is typed reaches its shell, and its end is the end', async t => {
	const { status, shown } = await run(
		['--accel', 'tcg', '--cpu', 'cortex-a72,pmu=off'],
		'echo $((6*7)); ls /sys/bus/event_source/devices; poweroff -f\n',
		/# /,
	);
	t.is(status, 0);
	t.regex(shown, /^42\r?$/m);
	t.notRegex(shown, /armv8_/);
});

test('bad usage starts nothing', async t => {
	const refused = async (argv: string[], message: RegExp) =>
		await t.throwsAsync(run(argv, '', /x/), { instanceOf: UsageError, message });
	await refused(['--accel', 'tcg', '--pmu', '8'], /'--pmu' needs '--accel kvm'/);
	await refused(['--vcpus', 'many'], /'many' of option '--vcpus' is not a whole number/);
	await refused(['--cpu', 'host,pmu'], /'host,pmu' of option '--cpu' is not MODEL/);
	await refused(['--qemu', '/nowhere'], /'\/nowhere' of option '--qemu' does not exist/);
});
