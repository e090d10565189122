import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { quoteCommand } from '../../src/lib/index.ts';
import { type Cell, defaultRandomHosts, type RandomHosts } from '../plan/plan.ts';
import type { Lease } from '../protocol/lease.ts';
import { commandFile } from '../usage/places.ts';

const isDefault = ({ count, seed }: RandomHosts) =>
	count === defaultRandomHosts.count && seed === defaultRandomHosts.seed;

/** Builds the `vpmu run` command that runs one cell again. */
export function reproArguments(
	cell: Cell,
	{ kernel, boardKernel }: Lease['sources'],
	casesFolder: string | null,
): string[] {
	return [
		'run',
		'--cell',
		cell.id,
		...(casesFolder === null ? [] : ['--cases', casesFolder]),
		...(cell.accel === 'tcg' ? [] : ['--on', cell.on]),
		'--qemu',
		cell.qemu,
		'--kernel',
		cell.kernel ?? kernel,
		...(cell.on.startsWith('board:') ? ['--board-kernel', boardKernel] : []),
		'--machine',
		cell.machine,
		...(cell.pmu === null ? [] : ['--pmu', cell.pmu]),
		...(cell.selftests === null ? [] : ['--selftests', cell.selftests]),
		...(isDefault(cell.random) ? [] : ['--random', `${cell.random.count}`, '--seed', `${cell.random.seed}`]),
	];
}

/**
 * Writes `repro.sh` into the cell's folder, which runs this cell again from any folder. It first warns about anything
 * that has changed since, then runs with what there is.
 */
export function writeRepro(cell: Cell, lease: Lease, casesFolder: string | null): void {
	const script = [
		'#!/bin/sh',
		`# Runs this cell again: ${cell.id}`,
		'made_of() {',
		'	[ -e "$2" ] || { echo "repro.sh: the original $1 no longer exists ($2)" >&2; return; }',
		'	now=$(sha256sum <"$2" | cut -d " " -f 1)',
		'	[ "$now" = "$3" ] || echo "repro.sh: the $1 has changed since: $2 is $now, was $3" >&2',
		'}',
		...Object.entries({ 'QEMU program': lease.made.qemu, kernel: lease.made.kernel, initrd: lease.made.initrd }).map(
			([what, file]) => quoteCommand(['made_of', what, file.path, file.sha256]),
		),
		`exec ${quoteCommand([process.execPath, commandFile, ...reproArguments(cell, lease.sources, casesFolder)])} "$@"`,
		'',
	].join('\n');
	const file = path.join(lease.artifacts, 'repro.sh');
	writeFileSync(file, script);
	chmodSync(file, 0o755);
}
