import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Conformance, conformanceRules } from '../../src/pmu/index.ts';

export const conformanceDocument = path.resolve(import.meta.dirname, '../../docs/conformance.md');
const marked = /(<!-- answers -->\n)[\s\S]*(<!-- end of answers -->)/;

/** Makes tables of what kernels answered, one for each function of the kernel, with a column for each kernel. */
export function tableOf(kernels: readonly Conformance[]): string {
	const columns = kernels.map(({ kernel, fixedCounters, checks }) => {
		const release = kernel.replace(/\+.*|-cloud.*|-vpmu/, '');
		const listed = checks.find(({ id }) => id === 'fixed.pmceid0')?.observed !== '0';
		return fixedCounters === 'none' ? release : `${release}, attribute 5${listed ? ', cycles listed' : ''}`;
	});
	const functions = [...new Set(conformanceRules.map(rule => rule.where))];
	return functions
		.map(where => {
			const rules = conformanceRules.filter(rule => rule.where === where);
			const rows = rules.map(({ id, what, since }) => {
				const cells = kernels.map(({ checks }) => cellOf(checks.find(check => check.id === id)));
				return `| \`${id}\` | ${what} | ${since.join('.')} | ${cells.join(' | ')} |`;
			});
			const head = `| check | what | since | ${columns.join(' | ')} |\n|${' --- |'.repeat(columns.length + 3)}`;
			return `\n### \`${where}\`\n\n${head}\n${rows.join('\n')}\n`;
		})
		.join('');
}

function cellOf(check: Conformance['checks'][number] | undefined): string {
	if (check === undefined || check.status === 'not-asked') return '';
	// How many cycles there are says nothing about the kernel.
	const isCount = check.expected === 'more than 0';
	const observed = isCount && check.status !== 'deviates' ? 'counts' : (check.observed ?? '-');
	return { 'as-ruled': observed, deviates: `**${observed}**`, told: `(${observed})`, 'not-asked': '' }[check.status];
}

/** Returns the ids of the checks in the published tables, in their order. */
export function publishedChecks(): string[] {
	const text = marked.exec(readFileSync(conformanceDocument, 'utf8'))?.[0] ?? '';
	return [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, id]) => id!);
}

if (import.meta.main) {
	const kernels = process.argv.slice(2).map(file => JSON.parse(readFileSync(file, 'utf8')) as Conformance);
	const text = readFileSync(conformanceDocument, 'utf8');
	writeFileSync(
		conformanceDocument,
		text.replace(marked, (_, begin, end) => `${begin}${tableOf(kernels)}\n${end}`),
	);
}
