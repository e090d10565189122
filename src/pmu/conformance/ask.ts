import { VpmuError } from '../../lib/errors.ts';
import { lastLinesOf } from '../../lib/text/foreign.ts';
import type { WaitOptions } from '../../lib/waiting/deadline.ts';
import type { FactsHost } from '../probe/read-facts.ts';
import { type Answers, parseAnswers } from './answers.ts';
import { conformanceScript } from './script.ts';

/** Output limit; the largest hosts print a tenth of it. */
const mostBytes = 1024 * 1024;

/**
 * Asks a host's KVM every question about the PMU of a vCPU, with one command. `program` is the host's path of kvm-conformance.
 * @throws VpmuError (blame `host`) if KVM cannot be asked, and so nothing is known
 */
export async function askKvm(host: FactsHost, program: string, wait: WaitOptions = {}): Promise<Answers> {
	const { stdout, stderr, status, signal } = await host.run(['sh', '-c', conformanceScript, 'sh', program], wait);
	if (stdout.length <= mostBytes) {
		const answers = parseAnswers(host.name, stdout.toString());
		if (answers !== undefined) return answers;
	}
	const end = signal === null ? `status ${status}` : signal;
	throw new VpmuError(`kvm-conformance on ${host.name} did not come to its end (${end})`, {
		blame: 'host',
		evidence: lastLinesOf(`${stdout.toString('utf8', 0, mostBytes)}\n${stderr.toString('utf8', 0, mostBytes)}`),
	});
}
