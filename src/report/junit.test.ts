import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import test from 'ava';
import type { CellResult, Results } from '../run/results.ts';
import { junitOf } from './junit.ts';

const cell = (status: CellResult['status'], reason: string | null): CellResult => ({
	id: `pmu/a[${status}]`,
	case: 'pmu/a',
	status,
	reason,
	blame: status === 'error' ? 'board' : null,
	on: { host: 'board:uniform', topology: 'uniform', kernel: '6.12' },
	qemu: { version: '10.0.13', path: 'debian:trixie', hasPmuChoice: false },
	accel: 'kvm',
	machine: 'virt',
	pmu: null,
	cpuPmu: null,
	simulated: [],
	predicted: null,
	observed: null,
	perf: [],
	timings: { spawnMs: null, greetingMs: null, shellMs: null, totalMs: 1234 },
	artifacts: {},
});
const results: Results = {
	schema: 'vpmu-results/1',
	run: { id: 'r', startedAt: '2026-01-01T00:00:00.000Z', argv: [], vpmu: '0', durationMs: 5000 },
	cells: [
		cell('pass', null),
		cell('fail', 'a <b> & "c" \u0000\u001b[31m ]]>'),
		cell('error', 'the board\ndied'),
		cell('skip', 'no'),
		cell('xfail', 'known'),
		cell('xpass', 'known'),
	],
	summary: { pass: 1, fail: 1, xfail: 1, xpass: 1, skip: 1, error: 1 },
};

test('failures, errors and skips are told apart and counted', t => {
	const xml = junitOf(results);
	t.regex(xml, /<testsuite name="pmu\/a" tests="6" failures="2" errors="1" skipped="2"/);
	t.regex(xml, /<error message="the board died" type="board"\/>/);
	t.is(xml.match(/<failure /g)?.length, 2);
	t.false(/[\u0000\u001b]/.test(xml), 'characters that XML cannot hold are gone');
});

const xmllint = ['/usr/bin/xmllint', '/usr/local/bin/xmllint'].find(existsSync);
(xmllint === undefined ? test.skip : test)(
	`xmllint reads it${xmllint === undefined ? ' (no xmllint on this machine)' : ''}`,
	t => {
		const { status, stderr } = spawnSync(xmllint!, ['--noout', '-'], { input: junitOf(results) });
		t.is(status, 0, stderr.toString());
	},
);
