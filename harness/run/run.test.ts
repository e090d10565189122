import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { cellFolder } from '../../src/run/index.ts';
import { temporaryFolder } from '../../test/testing/vpmu.ts';
import type { Cell } from '../plan/plan.ts';
import { broken } from '../protocol/outcome.ts';
import { startRun } from './run.ts';

const cell: Cell = {
	...{ id: 'a/b[local,debian:trixie,virt,tcg]', case: 'a/b', title: 'a', on: 'local', qemu: 'debian:trixie' },
	...{ accel: 'tcg', machine: 'virt', pmu: null, cpuPmu: null, skip: null, cpu: 'max', vcpus: 1, topology: null },
	...{
		backcompatPmu: null,
		kernel: null,
		simulate: null,
		variant: null,
		reference: null,
		random: { count: 1, seed: 1 },
		...{ selftests: null, boardKernel: null },
	},
};

test('the result of a cell names every file of its folder, and the report links to each', async t => {
	const folder = await temporaryFolder(t);
	const out = path.join(folder, 'run');
	const env = { VPMU_CACHE: path.join(folder, 'cache') };
	const run = await startRun({ argv: ['vpmu', 'run'], env, cells: [cell], out, labels: { build: '1' } });
	const own = path.join(out, cellFolder(cell.id));
	for (const name of ['perf.txt', 'repro.sh', 'beside-1/qmp.ndjson', 'attempt-1/perf.txt']) {
		mkdirSync(path.dirname(path.join(own, name)), { recursive: true });
		writeFileSync(path.join(own, name), 'x');
	}
	symlinkSync('/etc/passwd', path.join(own, 'planted'));
	run.broker.emit({ event: 'cell-end', result: broken({ cell, totalMs: 1 }, new Error('x')) });
	const results = await run.finish({ interrupted: false });
	const names = ['beside-1/qmp.ndjson', 'perf.txt', 'repro.sh'];
	t.deepEqual(
		results.cells[0]!.artifacts,
		Object.fromEntries(names.map(name => [name, `${cellFolder(cell.id)}/${name}`])),
	);
	t.deepEqual(results.run.labels, { build: '1' });
	const html = readFileSync(path.join(out, 'report.html'), 'utf8');
	const pages = [...html.matchAll(/<script type="text\/plain" id="page-\d+">([\w+/=]+)</g)].map(match =>
		gunzipSync(Buffer.from(match[1]!, 'base64')).toString(),
	);
	for (const name of names) t.regex(pages.join(''), new RegExp(`<a href="cells/[^"]*/${name}">${name}</a>`));
});

test('an error that the interrupt caused is no result of the cell: it was interrupted', async t => {
	const folder = await temporaryFolder(t);
	const controller = new AbortController();
	const env = { VPMU_CACHE: path.join(folder, 'cache') };
	const out = path.join(folder, 'run');
	const run = await startRun({ argv: ['vpmu', 'run'], env, cells: [cell], out, signal: controller.signal });
	controller.abort(new Error('interrupted'));
	run.broker.emit({ event: 'cell-end', result: broken({ cell, totalMs: 1 }, new Error('interrupted')) });
	const { cells } = await run.finish({ interrupted: true });
	t.like(cells[0], { status: 'skip', blame: null });
	t.regex(cells[0]!.reason ?? '', /^interrupted/);
});
