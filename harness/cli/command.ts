import { parseArgs } from 'node:util';
import { UsageError } from '../../src/lib/index.ts';
import type { CommandContext } from '../usage/context.ts';
import { unknownName } from '../usage/unknown-name.ts';

/** One option of a command. A `value` names the argument in the help; an option without one is a flag. */
export interface OptionSpec {
	readonly value?: string;
	readonly repeatable?: boolean;
	readonly choices?: readonly string[];
	readonly help: string;
}

export interface ParsedCommand {
	readonly options: Readonly<Record<string, string | true | readonly string[] | undefined>>;
	readonly positionals: readonly string[];
}

/** One command of `vpmu`: a file in this folder exports one as `command`. */
export interface Command {
	readonly name: string;
	readonly summary: string;
	/** What stands after the name in the usage line. */
	readonly usage: string;
	readonly options: Readonly<Record<string, OptionSpec>>;
	readonly positionals?: { readonly minimum?: number; readonly maximum?: number };
	/** Returns the exit status (docs: the contract's table). Throws UsageError for bad input, VpmuError otherwise. */
	run(context: CommandContext, parsed: ParsedCommand): Promise<number>;
}

/** Reads a command's arguments. @throws UsageError for anything the command does not take */
export function parseCommand(command: Command, argv: readonly string[]): ParsedCommand {
	const names = Object.keys(command.options);
	const { tokens } = parseArgs({
		args: [...argv],
		strict: false,
		allowPositionals: true,
		tokens: true,
		options: Object.fromEntries(
			Object.entries(command.options).map(([name, spec]) => [
				name,
				spec.value === undefined ? { type: 'boolean' as const } : { type: 'string' as const, multiple: true },
			]),
		),
	});
	const options: Record<string, string | true | string[]> = {};
	const positionals: string[] = [];
	for (const token of tokens) {
		if (token.kind === 'positional') positionals.push(token.value);
		if (token.kind !== 'option') continue;
		const spec = Object.hasOwn(command.options, token.name) ? command.options[token.name] : undefined;
		if (spec === undefined) {
			throw unknownName(
				'option',
				token.rawName,
				`of 'vpmu ${command.name}'`,
				names.map(name => `--${name}`),
			);
		}
		if (spec.value === undefined) {
			if (token.value !== undefined) {
				throw new UsageError(
					`option '--${token.name}' of 'vpmu ${command.name}' takes no value, but '${token.value}' was given`,
				);
			}
			options[token.name] = true;
			continue;
		}
		if (token.value === undefined || token.value === '') {
			throw new UsageError(
				`option '--${token.name}' of 'vpmu ${command.name}' needs a value: --${token.name} ${spec.value}`,
			);
		}
		if (spec.choices !== undefined && !spec.choices.includes(token.value)) {
			throw unknownName('value', token.value, `of option '--${token.name}'`, spec.choices);
		}
		if (spec.repeatable === true)
			options[token.name] = [...((options[token.name] as string[] | undefined) ?? []), token.value];
		else if (options[token.name] === undefined) options[token.name] = token.value;
		else
			throw new UsageError(
				`option '--${token.name}' of 'vpmu ${command.name}' was given twice ('${options[token.name]}' and '${token.value}'), but is taken once`,
			);
	}
	const { minimum = 0, maximum = 0 } = command.positionals ?? {};
	if (positionals.length > maximum) {
		throw new UsageError(
			`unexpected argument '${positionals[maximum]}' of 'vpmu ${command.name}'; usage: vpmu ${command.name} ${command.usage}`,
		);
	}
	if (positionals.length < minimum) {
		throw new UsageError(
			`'vpmu ${command.name}' needs ${minimum === 1 ? 'an argument' : `${minimum} arguments`}; usage: vpmu ${command.name} ${command.usage}`,
		);
	}
	return { options, positionals };
}

/** The help text of one command. */
export function helpText(command: Command): string {
	const rows = Object.entries({ ...command.options, help: { help: 'this text' } as OptionSpec }).map(([name, spec]) => {
		const left = `--${name}${spec.value === undefined ? '' : ` ${spec.value}`}`;
		const notes = [
			spec.choices === undefined ? '' : `one of ${spec.choices.join(', ')}`,
			spec.repeatable === true ? 'repeatable' : '',
		].filter(Boolean);
		return [left, notes.length === 0 ? spec.help : `${spec.help} (${notes.join('; ')})`] as const;
	});
	const width = Math.max(...rows.map(([left]) => left.length));
	return [
		`Usage: vpmu ${command.name} ${command.usage}`.trimEnd(),
		'',
		command.summary,
		'',
		...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
		'',
	].join('\n');
}
