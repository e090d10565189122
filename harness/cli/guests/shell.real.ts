import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { quoteWord, UsageError } from '../../../src/lib/index.ts';
import { startVpmu, temporaryFolder } from '../../../test/testing/vpmu.ts';
import { commandFile } from '../../usage/places.ts';
import { runCommandLine } from '../index.ts';

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
	const status = await runCommandLine(['shell', ...argv], context);
	return { status, shown };
}

test('a guest with its console attached: input reaches its shell, and when it ends the command ends', async t => {
	const { status, shown } = await run(
		['--accel', 'tcg', '--cpu', 'cortex-a72,pmu=off', '--append', 'loglevel=7'],
		'echo $((6*7)); ls /sys/bus/event_source/devices; poweroff -f\n',
		/# /,
	);
	t.is(status, 0);
	t.regex(shown, /Kernel command line: .* loglevel=7\r/);
	t.regex(shown, /^42\r?$/m);
	t.notRegex(shown, /armv8_/);
});

test('input that is piped in before the guest has booted reaches its shell', async t => {
	const folder = await temporaryFolder(t);
	const child = startVpmu(['shell', '--accel', 'tcg', '--cpu', 'cortex-a72,pmu=off'], { env: { TMPDIR: folder } });
	child.stdin.end('echo $((6*7)); poweroff -f\n');
	const shown = await Array.fromAsync(child.stdout as AsyncIterable<Buffer>);
	t.regex(Buffer.concat(shown).toString(), /^42\r?$/m);
});

test('bad usage starts nothing', async t => {
	const refused = async (argv: string[], message: RegExp) =>
		await t.throwsAsync(run(argv, '', /x/), { instanceOf: UsageError, message });
	await refused(['--accel', 'tcg', '--pmu', '8'], /'--pmu' needs '--accel kvm'/);
	await refused(['--vcpus', 'many'], /'many' of option '--vcpus' is not valid; allowed: whole numbers/);
	await refused(['--cpu', 'host,pmu'], /'host,pmu' of option '--cpu' is not valid; allowed: MODEL/);
	await refused(['--qemu', '/nowhere'], /'\/nowhere' of option '--qemu' does not exist/);
});

/**
 * Runs a script on a terminal of its own (`script`, of Debian's essential package bsdutils), types, and returns the
 * output.
 */
async function onTerminal(script: string, keys: readonly (readonly [after: RegExp, typed: string])[]): Promise<string> {
	const child = spawn(
		'script',
		['--quiet', '--return', '--flush', '--command', `sh -c ${quoteWord(script)}`, '/dev/null'],
		{
			stdio: ['pipe', 'pipe', 'inherit'],
			timeout: 240_000,
			killSignal: 'SIGKILL',
		},
	);
	let shown = '';
	let seen = 0;
	const waiting = [...keys];
	child.stdout.setEncoding('utf8').on('data', text => {
		shown += text;
		const match = waiting[0]?.[0].exec(shown.slice(seen));
		if (match == null) return;
		seen += match.index + match[0].length;
		child.stdin.write(waiting.shift()![1]);
	});
	await once(child, 'close');
	return shown;
}

test('on a terminal: every key goes to the guest, Ctrl-A X leaves, and the terminal is restored', async t => {
	const vpmu = `${quoteWord(process.execPath)} ${quoteWord(commandFile)} shell --accel tcg --cpu cortex-a72,pmu=off`;
	const shown = await onTerminal(
		`stty rows 31 cols 97; echo "before=$(stty -g)"; ${vpmu}; echo "status=$?"; echo "after=$(stty -g)"`,
		[
			[/# /, 'echo $((6*7)); sleep 300\r'],
			// Ctrl-C goes to the guest: its sleep ends, and the shell here continues.
			[/\n42\r/, '\x03'],
			[/# /, 'echo again $((7*7))\r'],
			[/again 49/, '\x01h'],
			[/Ctrl-A X leaves/, '\x01x'],
		],
	);
	// It may stand right behind the guest's prompt and BusyBox's question for the cursor's place, ESC [6n.
	t.regex(shown, /status=0\r/);
	const mode = (name: string) => new RegExp(`(?:^|\\n)${name}=(\\S+)\\r`).exec(shown)?.[1];
	t.truthy(mode('before'));
	t.is(mode('after'), mode('before'));
});
