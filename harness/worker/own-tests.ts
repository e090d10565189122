import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { contention, VpmuError } from '../../src/lib/index.ts';
import { judgeSelftest } from '../../src/pmu/index.ts';
import { runSelftest, unbuiltObservation, whyUnbuilt } from '../plan/selftests/selftests.ts';
import { CellSkipped } from '../protocol/outcome.ts';
import { sessionOf, type VmContext } from './context.ts';
import type { CellSession } from './session.ts';

/** The parts of a cell that a test of the kernel needs. */
export type SelftestCell = Pick<CellSession, 'cell' | 'host' | 'lease' | 'observe' | 'attach' | 'note'>;

/**
 * Runs the kernel's own test that the cell's variant names on the cell's host, and keeps what it showed as layer `selftest`. A
 * test that is not ok fails the cell, blame `kernel`.
 */
export async function runOwnTest(context: VmContext): Promise<void> {
	await runOwnTestIn(sessionOf(context));
}

/** As {@link runOwnTest}. @throws CellSkipped with the test's reason; DeadlineError; HostError */
export async function runOwnTestIn(session: SelftestCell): Promise<void> {
	const { cell, host, lease } = session;
	const { selftests: folder, variant: name } = cell;
	if (folder === null || name === null)
		throw new VpmuError('the cell does not name a test of the kernel', { blame: 'harness' });
	const why = await whyUnbuilt(folder);
	if (why !== undefined) {
		session.observe({ selftest: unbuiltObservation(name, why) });
		return;
	}
	const ended = await runSelftest(host, folder, name, { timeoutMs: testMs * lease.slowness * contention() });
	if (ended === undefined) throw new CellSkipped(`needs ${name}, which this kernel's source does not have`);
	for (const [file, text] of Object.entries({ 'selftest.tap': ended.stdout, 'selftest.stderr': ended.stderr })) {
		if (text === '') continue;
		const place = path.join(lease.artifacts, file);
		await writeFile(place, text);
		session.attach(file, place);
	}
	const seen = judgeSelftest(ended);
	if (seen.state === 'skipped') throw new CellSkipped(`${name} was skipped: ${seen.why}`);
	if (seen.state === 'ok' && ended.status !== 0) {
		const end = ended.status === null ? 'was ended by a signal' : `ended with status ${ended.status}`;
		session.note(
			`${name} ${end}; only its points about ${ended.about?.join(' and ')} count: selftest.stderr has the rest`,
		);
	}
	session.observe({ selftest: seen });
}

/** On a quiet machine; shorter than the silence after which the watchdog gives a cell up. */
const testMs = 200_000;
