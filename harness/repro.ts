import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { quoteCommand } from '../src/index.ts';
import type { Lease } from './lease.ts';
import type { Cell } from './plan.ts';

/** The `vpmu run` that runs one cell again. */
export function reproArguments(cell: Cell, { kernel, boardKernel }: Lease['sources']): string[] {
	return [
		'run',
		'--cell',
		cell.id,
		...(cell.accel === 'tcg' ? [] : ['--on', cell.on]),
		'--qemu',
		cell.qemu,
		'--kernel',
		kernel,
		...(cell.on.startsWith('board:') ? ['--board-kernel', boardKernel] : []),
		'--machine',
		cell.machine,
		...(cell.pmu === null ? [] : ['--pmu', cell.pmu]),
	];
}

/** Writes `repro.sh` into the cell's folder: runs that very cell again, from anywhere. */
export function writeRepro(cell: Cell, lease: Lease): void {
	const bin = path.resolve(import.meta.dirname, 'bin.mjs');
	const built = path.resolve(import.meta.dirname, '..', '..', 'harness', 'bin.mjs');
	const script = [
		'#!/bin/sh',
		`# Runs this cell again: ${cell.id}`,
		`exec ${quoteCommand([process.execPath, import.meta.filename.endsWith('.ts') ? bin : built, ...reproArguments(cell, lease.sources)])} "$@"`,
		'',
	].join('\n');
	const file = path.join(lease.artifacts, 'repro.sh');
	writeFileSync(file, script);
	chmodSync(file, 0o755);
}
