import type { ExecutionContext } from 'ava';
import { VpmuError } from '../../lib/errors.ts';
import { encodeFrame } from '../framed/frames.ts';
import type { GuestShell } from '../shell.ts';

/** Foreign text for the line: kernel messages, escape sequences, prompts, and imitations of everything that we watch for. */
export const nuisances: readonly string[] = [
	'[   12.345678] random: crng init done\r\n',
	'[   13.000001] systemd[1]: Started A Unit With A Name - and ~ a tilde.\r\n',
	'[   14.5][  T123] audit: type=1400 audit(1700000000.123:45): apparmor="STATUS"\r\n',
	'\x1b[0;32m  OK  \x1b[0m] Reached target.\r\n',
	'\x1bc\x1b[!p\x1b[?3;4l\x1b[4l\x1b>',
	'\r\nroot@guest:~# ',
	'~',
	'~~~~~~~~\n',
	'\r\n',
	'vpmu-agent: ready\n',
	'Kernel panic - not syncing: only kidding\r\n',
	'[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd083]\r\n',
	`${encodeFrame('G', Buffer.from('03000000004400020000', 'hex'))}`,
	`${encodeFrame('G', Buffer.from('030000ffff4401020000', 'hex'), Buffer.alloc(8, 1))}`,
	`${encodeFrame('G', Buffer.from('020201020304ffffffff', 'hex'))}`,
	'~AwAAAAAAAAAARAEACQAAAAAAAAAAAAAAAAAAAAAAAAAA\n',
	'VPMU_T EXIT: STATUS=0 vpmu-workload loop 1 done\r\n',
];

export interface TortureOutcome {
	readonly right: number;
	/** A refusal with one of our errors is allowed; a wrong result is not. */
	readonly refused: readonly string[];
	readonly wrong: readonly string[];
	readonly durationMs: number;
}

/** Runs commands with known results, several at a time, and compares every byte, status and signal. */
export async function torture(
	shell: GuestShell,
	options: { readonly commands: number; readonly together: number; readonly timeoutMs: number },
): Promise<TortureOutcome> {
	const refused: string[] = [];
	const wrong: string[] = [];
	let right = 0;
	let next = 0;
	const startedAt = performance.now();
	const worker = async () => {
		for (let n = next++; n < options.commands; n = next++) {
			const bytes = Buffer.from(Array.from({ length: 1 + ((n * 37) % 300) }, (_, i) => (i * n + (n >> 3)) & 0xff));
			const status = n % 250;
			const isKilled = n % 10 === 3;
			const script = `cat; echo "err ${n}" >&2; ${isKilled ? 'kill -KILL $$' : `exit ${status}`}`;
			try {
				const result = await shell.run(script, { stdin: bytes, timeoutMs: options.timeoutMs });
				const isRight =
					result.stdout.equals(bytes) &&
					result.stderr.toString() === `err ${n}\n` &&
					result.status === (isKilled ? null : status) &&
					result.signal === (isKilled ? 'SIGKILL' : null);
				if (isRight) right += 1;
				else wrong.push(`${n}: ${result.status} ${result.signal} ${result.stdout.length} ${result.stderr}`);
			} catch (error) {
				if (error instanceof VpmuError || (error as Error).name === 'DeadlineError') refused.push(`${n}: ${error}`);
				else wrong.push(`${n}: ${error}`);
			}
		}
	};
	await Promise.all(Array.from({ length: options.together }, worker));
	return { right, refused, wrong, durationMs: performance.now() - startedAt };
}

export function describeOutcome(t: ExecutionContext, what: string, outcome: TortureOutcome, statistics: unknown): void {
	t.log(
		`${what}: ${outcome.right} right, ${outcome.refused.length} refused, ${outcome.wrong.length} wrong in ${Math.round(outcome.durationMs)} ms; ${JSON.stringify(statistics)}${outcome.refused[0] === undefined ? '' : `; first refused ${outcome.refused[0]}`}`,
	);
}
