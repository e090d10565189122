import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { poll, quoteCommand } from '../../src/lib/index.ts';
import { commandFile } from '../usage/places.ts';

const vpmuQmp = [process.execPath, commandFile, 'qmp', '--qemu', 'debian:trixie'];

function temporary(t: ExecutionContext): string {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-pty-'));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

/**
 * A user at a terminal: script(1) provides the pseudo-terminal; `sh` in it runs vpmu and prints the terminal's settings
 * before and after.
 */
class Terminal {
	readonly #child: ChildProcess;
	#text = '';
	#seen = 0;

	constructor(t: ExecutionContext, folder: string) {
		const command = `stty -g; ${quoteCommand(vpmuQmp)}; echo status $?; stty -g`;
		this.#child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
			stdio: ['pipe', 'pipe', 'inherit'],
			env: { ...process.env, XDG_STATE_HOME: folder, TERM: 'xterm' },
		});
		t.teardown(() => this.#child.kill('SIGKILL'));
		this.#child.stdout!.setEncoding('utf8').on('data', text => {
			this.#text += text;
		});
	}

	/** All output without cursor movements. */
	get shown(): string {
		return stripVTControlCharacters(this.#text);
	}

	type(keys: string): void {
		this.#child.stdin!.write(keys);
	}

	/** Waits for output that follows the output matched before. */
	async sees(pattern: RegExp): Promise<void> {
		const find = () => {
			const match = pattern.exec(this.shown.slice(this.#seen));
			if (match !== null) this.#seen += match.index + match[0].length;
			return match === null ? undefined : true;
		};
		await poll(`${pattern} on the terminal, which shows: ${this.shown.slice(-500)}`, find, { timeoutMs: 20_000 });
	}

	/** Returns vpmu's exit status, and the terminal's settings before and after. */
	async left(): Promise<{ status: number; before: string; after: string }> {
		await once(this.#child, 'close');
		const [before] = this.shown.split(/\r?\n/);
		const [, status, after] = /status (\d+)\r?\n(\S+)\s*$/.exec(this.shown) ?? [];
		return { status: Number(status), before: before!, after: after! };
	}
}

test.serial('the shell on a terminal: completion, answers, events, history, Ctrl-C, Ctrl-D', async t => {
	const folder = temporary(t);
	const terminal = new Terminal(t, folder);
	await terminal.sees(/\(QEMU 10\.\d+\.\d+\) /);
	terminal.type('query-statu\t');
	await terminal.sees(/query-status/);
	terminal.type('\r');
	await terminal.sees(/"running": false/);
	terminal.type('qom-list-properties ty\t');
	await terminal.sees(/typename=/);
	terminal.type('cxl-type3\r');
	await terminal.sees(/"default-value": 18446744073709551615/);
	terminal.type('migrate-set-capabilities capabilities.0.cap\t');
	await terminal.sees(/capabilities\.0\.capability=/);
	terminal.type('\x03');
	await delay(100);
	terminal.type('help query-yank\r');
	await terminal.sees(/query-yank \(can be executed out of band\)/);
	terminal.type('qom-list path=/nope\r');
	await terminal.sees(/Device '\/nope' not found/);
	terminal.type('cont\r');
	await terminal.sees(/RESUME/);
	await terminal.sees(/\{\}/);
	// Up twice: the command before the last one.
	terminal.type('\x1b[A\x1b[A');
	await terminal.sees(/qom-list path=\/nope/);
	terminal.type('\x03');
	await delay(100);
	terminal.type('\x04');
	const { status, before, after } = await terminal.left();
	t.is(status, 0);
	t.regex(before, /^[0-9a-f:]{20,}$/);
	t.is(after, before);
	const history = readFileSync(path.join(folder, 'vpmu', 'qmp-history'), 'utf8').split('\n');
	t.deepEqual(history.slice(0, 2), ['query-status', 'qom-list-properties typename=cxl-type3']);
	t.false(history.some(line => line.startsWith('migrate-set-capabilities')));

	const again = new Terminal(t, folder);
	await again.sees(/\(QEMU /);
	again.type('\x1b[A');
	await again.sees(/cont/);
	again.type('\r');
	await again.sees(/RESUME/);
	again.type('quit\r');
	await again.sees(/SHUTDOWN \{"guest":false,"reason":"host-qmp-quit"\}/);
	const end = await again.left();
	t.is(end.status, 0);
	t.is(end.after, end.before);
	t.regex(again.shown, /it exited with status 0/);
});

const commandLine = (pid: string) => {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
	} catch {
		return '';
	}
};
const processesNaming = (text: string) =>
	readdirSync('/proc').filter(name => /^\d+$/.test(name) && commandLine(name).includes(text));
/** Finds QEMU itself, not its supervising shell, whose command line has the same words. */
const qemuNaming = (text: string) => {
	const found = processesNaming(text).filter(pid => !commandLine(pid).startsWith('sh\0'));
	return found.filter(pid => commandLine(pid).includes('qemu-system-aarch64'));
};

test.serial('vpmu killed by SIGKILL leaves no QEMU and no folder', async t => {
	const folder = temporary(t);
	const child = spawn(vpmuQmp[0]!, vpmuQmp.slice(1), {
		stdio: ['pipe', 'pipe', 'inherit'],
		env: { ...process.env, TMPDIR: folder },
	});
	t.teardown(() => child.kill('SIGKILL'));
	child.stdin.write('query-status\n');
	const [answer] = await once(child.stdout, 'data');
	t.regex(String(answer), /"running":false/);
	t.is(qemuNaming(folder).length, 1);
	child.kill('SIGKILL');
	await once(child, 'close');
	await poll('the end of QEMU', () => (processesNaming(folder).length === 0 ? true : undefined), { timeoutMs: 10_000 });
	await poll('the end of its folder', () => (readdirSync(folder).length === 0 ? true : undefined), {
		timeoutMs: 10_000,
	});
	t.deepEqual(processesNaming(folder), []);
	t.deepEqual(readdirSync(folder), []);
});

test.serial('a QEMU that dies between two lines of a pipe is an error, not the end of input', async t => {
	const folder = temporary(t);
	const child = spawn(vpmuQmp[0]!, vpmuQmp.slice(1), {
		stdio: ['pipe', 'pipe', 'pipe'],
		env: { ...process.env, TMPDIR: folder },
	});
	t.teardown(() => child.kill('SIGKILL'));
	let stderr = '';
	child.stderr.setEncoding('utf8').on('data', text => {
		stderr += text;
	});
	child.stdin.write('query-status\n');
	await once(child.stdout, 'data');
	process.kill(Number(qemuNaming(folder)[0]), 'SIGKILL');
	const [status] = await once(child, 'close');
	t.is(status, 69);
	t.regex(stderr, /it was killed by SIGKILL/);
	t.deepEqual(readdirSync(folder), []);
});
