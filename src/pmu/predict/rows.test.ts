import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import type { HostFacts } from '../facts.ts';
import { hosts, inOneLine, type Settings, settingsOf, startInOneLine, starts } from '../testing/rows.ts';
import { postedStarts } from './posted-start.ts';
import { predictBackend } from './predict.ts';

/** Said of event sources that every host has. */
const onEveryHost = /^not taken: software, breakpoint \(/;

/** Starts that are predicted on every host; the others on three of them. */
const everywhere = [
	...['plain', '-cpu host,pmu=off', '-cpu cortex-a57', 'pmu=10, on CPU 1', 'stock QEMU', 'stock QEMU, on CPU 1'],
];

function rowOf(title: string, facts: HostFacts, settings: Settings): string {
	const prediction = predictBackend(facts, settingsOf(settings));
	const posted = postedStarts(facts, settingsOf(settings)).map(startInOneLine);
	const own = inOneLine(prediction);
	const withoutRule = (line: string) => line.replace(/ by [\w-]+/, '');
	const considered = title.endsWith(': plain') ? (prediction.considered ?? []) : [];
	const lines = [
		own,
		...prediction.because.filter(because => !onEveryHost.test(because)).map(because => `because: ${because}`),
		...considered.map(({ name, why }) => `considered: ${name}: ${why ?? 'it covers all'}`),
		...prediction.disagreements.map(({ finding, code }) => `posted code: ${code} (${finding})`),
		...(posted.length === 0 ? ['posted start: none'] : []),
		...posted.filter(line => withoutRule(line) !== withoutRule(own)).map(line => `posted start: ${line}`),
	];
	return [`# ${title}`, ...lines.map(line => `  ${line}`), ''].join('\n');
}

const rows = Object.entries(hosts).flatMap(([name, facts]) => {
	const all = name === 'uniform' || name === 'big.LITTLE' || name === 'no PMU in KVM';
	return Object.entries(starts)
		.filter(([start]) => all || everywhere.includes(start))
		.map(([start, settings]) => [`${name}: ${start}`, facts, settings] as const);
});

const file = path.join(import.meta.dirname, 'rows.txt');

test('every rule and finding decides as written down, for the reasons written down', t => {
	const text = rows.map(row => rowOf(...row)).join('\n');
	// Read every line of the difference before it is committed.
	if (process.env.VPMU_WRITE_ROWS === '1') writeFileSync(file, text);
	const written = new Map(
		readFileSync(file, 'utf8')
			.split(/^(?=# )/m)
			.map(row => [row.split('\n', 1)[0], row.trim()]),
	);
	for (const [title, facts, settings] of rows) {
		t.is(rowOf(title, facts, settings).trim(), written.get(`# ${title}`) ?? 'not written down', title);
	}
	t.is(written.size, rows.length);
});
