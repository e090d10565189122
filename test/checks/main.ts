import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { allMutants, judging, type Tried, tryMutants } from './checks.ts';

const usage = `usage: npm run test:mutate -- [--only TEXT]... [--list] [--processes N] [FILE...]

Removes each check from the judging files, one at a time, and runs the unit tests that execute it. Exits 1 if all
stay green for a check that test/checks/survivors.json gives no reason for.
`;

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		only: { type: 'string', multiple: true },
		list: { type: 'boolean' },
		processes: { type: 'string' },
		help: { type: 'boolean' },
	},
});
if (values.help) {
	process.stdout.write(usage);
	process.exit(0);
}

const reasons: Readonly<Record<string, string>> = JSON.parse(
	readFileSync(path.join(import.meta.dirname, 'survivors.json'), 'utf8'),
);
const mutants = allMutants(positionals.length === 0 ? judging : positionals).filter(one =>
	(values.only ?? ['']).some(text => one.id.includes(text)),
);
if (values.list) {
	for (const { id } of mutants) process.stdout.write(`${id}\n`);
	process.exit(0);
}

const cut = (text: string, most: number) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
function lineOf({ mutant, red, covering }: Tried): string {
	const { file, line, change, check, id } = mutant;
	const reason = reasons[id];
	const end =
		red !== undefined
			? `${path.basename(red.file)}: ${red.title}`
			: `SURVIVED ${covering} test files${reason === undefined ? '' : `: ${reason}`}`;
	return `${file}:${line}  ${change}: ${cut(check, 70)}  ->  ${end}\n`;
}

const processes = Number(values.processes ?? availableParallelism());
if (!Number.isInteger(processes) || processes < 1) {
	process.stderr.write(`--processes is '${values.processes}', but must be a number from 1 on\n`);
	process.exit(2);
}
const tried = await tryMutants(mutants, {
	processes,
	onProgress: text => process.stderr.write(`${text}\n`),
	onTried: one => process.stdout.write(lineOf(one)),
});
const survivors = tried.filter(one => one.red === undefined);
const open = survivors.filter(one => reasons[one.mutant.id] === undefined);
const hung = tried.filter(one => one.red?.title.startsWith('no end'));
process.stdout.write(
	`\n${tried.length} checks removed: ${tried.length - survivors.length} caught (${hung.length} by no end), ` +
		`${survivors.length - open.length} survived with a reason, ${open.length} without\n`,
);
for (const { mutant } of open) process.stdout.write(`  ${mutant.id}\n`);
// Only a whole run can tell that a reason has nothing left to explain.
const isWhole = positionals.length === 0 && values.only === undefined;
const ids = new Set(survivors.map(one => one.mutant.id));
const idle = isWhole ? Object.keys(reasons).filter(id => !ids.has(id)) : [];
for (const id of idle) process.stdout.write(`the reason of a check that is caught or gone: ${id}\n`);
process.exitCode = open.length > 0 || idle.length > 0 ? 1 : 0;
