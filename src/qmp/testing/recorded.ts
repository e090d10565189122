import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseRecording, type QmpRecord } from '../wire/recording.ts';

const load = (name: string): { name: string; records: readonly QmpRecord[] } => ({
	name: name.replace('qemu-', 'QEMU '),
	records: parseRecording(readFileSync(path.join(import.meta.dirname, 'recordings', `${name}.ndjson`), 'utf8')),
});

/** Sessions of real QEMUs (`-machine virt -S -nodefaults`), recorded by this client. */
export const recordedSessions = [load('qemu-7.2'), load('qemu-10.0'), load('qemu-11.1')];
