import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { cellOf, nasty, resultsWith } from '../../../src/report/testing/results.ts';
import { onActions } from './actions.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
test.after.always(() => rmSync(folder, { recursive: true }));

const results = resultsWith([
	cellOf('pass'),
	cellOf('fail', { reason: `100% wrong\n::set-env name=PATH::x\n${nasty}` }),
	cellOf('error', { reason: 'the board died' }),
	cellOf('pass', { flaky: true }),
]);

/** Collects what is written. */
function sink() {
	const texts: string[] = [];
	return {
		write: (text: unknown) => {
			texts.push(String(text));
			return true;
		},
		text: () => texts.join(''),
	};
}
const context = (env: Record<string, string>, stderr = sink()) => ({ env, stderr: stderr as never });

test('elsewhere than on Actions nothing is written', async t => {
	const out = sink();
	await onActions(context({}), out as never).report(results, 'run');
	t.is(out.text(), '');
});

test('what the run prints is no command; then come errors, warnings, and the summary', async t => {
	const out = sink();
	const summary = path.join(folder, 'summary.md');
	const actions = onActions(context({ GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary }), out as never);
	const [, token] = /^::stop-commands::([0-9a-f]{32})\n$/.exec(out.text()) ?? [];
	await actions.report(results, 'vpmu-runs/x');
	const [, end, ...commands] = out.text().trimEnd().split('\n');
	t.is(end, `::${token}::`);
	t.deepEqual(
		commands.map(line => /^::(error|warning) title=([^:,]*)::/.exec(line)?.slice(1)).map(found => found?.[0]),
		['error', 'warning'],
	);
	t.regex(commands[0]!, /title=fail pmu\/a\[uniform%2Cdebian%3Atrixie/);
	t.regex(commands[0]!, /::100%25 wrong%0A::set-env/);
	t.regex(commands[0]!, /%0Arepeat +npx vpmu run --cell/);
	t.regex(readFileSync(summary, 'utf8'), /^# vpmu run r[\s\S]*What went wrong/);
});

test('a summary that cannot be written is said on stderr and fails nothing', async t => {
	const stderr = sink();
	const env = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: path.join(folder, 'none', 'summary.md') };
	await onActions(context(env, stderr), sink() as never).report(results, 'run');
	t.regex(stderr.text(), /^vpmu: the job summary '.*' \(GITHUB_STEP_SUMMARY\) could not be written: ENOENT/);
});
