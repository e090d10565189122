import type { CommandSpec, GroupSpec, OptionSpec } from './command.ts';

const help: OptionSpec = { help: 'show this text' };

/** Formats the help of one command; `name` is what is typed after `vpmu`. */
export function helpText(name: string, { usage, summary, details, options }: CommandSpec): string {
	const rows = Object.entries({ ...options, help }).map(([option, spec]) => {
		const notes = [
			...(spec.choices === undefined ? [] : [`one of ${spec.choices.join(', ')}`]),
			...(spec.integer === undefined ? [] : [`${spec.integer.least} to ${spec.integer.most}`]),
			...(spec.repeatable === true ? ['repeatable'] : []),
		];
		const left = `--${option}${spec.value === undefined ? '' : ` ${spec.value}`}`;
		return [left, notes.length === 0 ? spec.help : `${spec.help} (${notes.join('; ')})`] as const;
	});
	return `${[`Usage: vpmu ${name} ${usage}`.trimEnd(), '', details ?? sentence(summary), '', ...columns(rows)].join('\n')}\n`;
}

/** Formats the help of commands with a common first word. */
export function groupHelpText(name: string, { summary, actions, standard, hidden = [] }: GroupSpec): string {
	const shown = Object.entries(actions).filter(([action]) => !hidden.includes(action));
	const rows = shown.map(
		([action, spec]) => [action, `${spec.summary}${action === standard ? ' (default)' : ''}`] as const,
	);
	return `${[
		...[
			`Usage: vpmu ${name} ${standard === undefined ? 'ACTION' : '[ACTION]'} [OPTION...]`,
			'',
			sentence(summary),
			'',
			...columns(rows),
		],
		...['', `'vpmu ${name} ACTION --help' explains one action.`],
	].join('\n')}\n`;
}

/** Formats the help of `vpmu` itself. */
export function overview(commands: Readonly<Record<string, CommandSpec | GroupSpec>>): string {
	return `${[
		'Usage: vpmu COMMAND [OPTION...]',
		'',
		"Checks that QEMU picks the right host PMU for a KVM/arm64 guest, and that the guest's counters count.",
		'',
		...columns(Object.entries(commands).map(([name, { summary }]) => [name, summary] as const)),
		'',
		"'vpmu COMMAND --help' explains one command. Exit status: 0 as predicted, 1 a case failed, 2 bad usage,",
		'69 infrastructure failed, 75 lock busy, 130 interrupted.',
	].join('\n')}\n`;
}

/** Formats the table of commands for README.md. */
export function commandTable(commands: Readonly<Record<string, CommandSpec | GroupSpec>>): string {
	const rows = Object.entries(commands).map(([name, spec]) => [`\`${name}\``, spec.summary] as const);
	const all = [['command', 'does'] as const, ...rows];
	const [first, second] = [0, 1].map(column => Math.max(...all.map(row => row[column as 0 | 1].length)));
	const line = (left: string, right: string) => `| ${left.padEnd(first!)} | ${right.padEnd(second!)} |`;
	const [heading, ...body] = all.map(([left, right]) => line(left, right));
	return `${[heading, `| ${'-'.repeat(first!)} | ${'-'.repeat(second!)} |`, ...body].join('\n')}\n`;
}

/** Makes a sentence of a summary, which begins in lower case in lists. */
const sentence = (summary: string) => `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;

function columns(rows: readonly (readonly [left: string, right: string])[]): string[] {
	const width = Math.max(...rows.map(([left]) => left.length));
	return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
