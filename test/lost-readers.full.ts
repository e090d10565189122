import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { everyStatus } from '../src/report/testing/results.ts';
import { losses, shellLine } from './testing/shell-line.ts';
import { temporaryFolder } from './testing/vpmu.ts';

const known = new Map<string, Promise<number | null>>();

/** Exit status of a command whose readers stay. */
function statusOf(argv: readonly string[], folder: string): Promise<number | null> {
	const key = argv.join(' ').replaceAll(folder, '');
	const status = known.get(key) ?? shellLine(argv).then(end => end.status);
	known.set(key, status);
	return status;
}

for (const [loss, rest] of Object.entries(losses)) {
	test.serial(`${loss}: every command has the same status as with a reader`, async t => {
		const folder = await temporaryFolder(t);
		const write = (name: string, text: string) => {
			mkdirSync(path.join(folder, name));
			writeFileSync(path.join(folder, name, 'results.json'), text);
			return path.join(folder, name);
		};
		const run = write('run', JSON.stringify(everyStatus));
		const worse = write('worse', JSON.stringify(everyStatus).replaceAll('"status":"pass"', '"status":"fail"'));
		const qmp = ['qmp', '--qemu', 'debian:trixie'];
		for (const argv of [
			...[['--help'], ['run', '--help'], [], ['lits'], ['list', '--wrong'], ['list'], ['list', '--json']],
			...[
				['report', run, '--format', 'html'],
				['report', folder],
				['compare', run, run],
				['compare', run, worse],
			],
			...[
				['completion', 'bash'],
				['doctor', '--json'],
				['board', 'list'],
				['image', 'list'],
				['kept', 'list'],
			],
			...[
				['predict', '--facts', run],
				['inspect', '--qemu', 'debian:trixie'],
				['probe', '--on', 'local', '--json'],
			],
			...[[...qmp, 'query-status'], [...qmp, 'query-nothing'], [...qmp, '--emit-types'], qmp],
		]) {
			t.is((await shellLine(argv, rest)).status, await statusOf(argv, folder), `${argv.join(' ')} ${rest}`);
		}
	});

	test.serial(`${loss}: a run with a guest has the same status and results`, async t => {
		const out = path.join(await temporaryFolder(t), 'run');
		const { status } = await shellLine(['run', 'pmu/tcg-counts', '--qemu', 'debian:trixie', '--out', out], rest);
		t.is(status, 0);
		const { cells } = JSON.parse(readFileSync(path.join(out, 'results.json'), 'utf8'));
		t.is(cells[0].status, 'pass');
		for (const name of ['junit.xml', 'report.html', 'events.ndjson']) t.true(existsSync(path.join(out, name)), name);
	});
}
