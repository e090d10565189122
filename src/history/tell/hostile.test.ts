import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { actsInDocument, hostile } from '../../report/testing/hostile.ts';
import { cellHistories } from '../judge/cells.ts';
import { nightReport } from '../judge/report.ts';
import { readHistory } from '../store/read.ts';
import { recordRuns } from '../store/record.ts';
import { nights } from '../testing/nights.ts';
import { cellsDocument } from './cells.ts';
import { nightDocument } from './report.ts';

/** Every report of a history of ten nights that is full of a text. */
function documentsOf(text: string, other: string) {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	try {
		const store = { folder, onNote: () => undefined };
		const more = (night: number) => ({
			qemu: { version: night < 5 ? text : other, path: text, hasPmuChoice: true },
			on: { host: text, topology: other, kernel: night < 5 ? other : text },
		});
		const runs = nights(10, night => [
			{ name: text, place: other, qemu: text, machine: other, bootMs: 1000 + 200 * night, more: more(night) },
			{ name: 'pmu/b', axes: [other], status: night > 5 ? 'fail' : 'pass', reason: text, more: more(night) },
			{ name: 'pmu/c', axes: [text], status: night % 3 === 0 ? 'fail' : 'pass', reason: other, more: more(night) },
			{ name: 'pmu/d', axes: [text], status: night === 10 ? 'error' : 'pass', reason: text },
			...(night === 10 ? [] : [{ name: `${text}${other}` }]),
		]);
		recordRuns(
			store,
			runs.map((results, at) => ({
				results: { ...results, run: { ...results.run, id: `${at}${text}`.slice(0, 200), vpmu: other } },
				folder: `/${text}/${other}`,
			})),
		);
		const past = readHistory(store);
		const cells = cellHistories(past);
		return [
			cellsDocument(cells, { from: `/${text}` }),
			cellsDocument(cells, { name: other, from: '/' }),
			nightDocument(nightReport(past, 0), `/${other}`),
		];
	} finally {
		rmSync(folder, { recursive: true });
	}
}

test('no text of a run acts in any format of the history', t => {
	fc.assert(
		fc.property(hostile, hostile, (text, other) => {
			for (const document of documentsOf(text, other)) {
				const acts = actsInDocument(document);
				if (acts !== undefined) throw new Error(acts);
			}
		}),
		{ numRuns: 40 },
	);
	t.pass();
});
