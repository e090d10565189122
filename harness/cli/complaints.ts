import {
	AliasNotFoundError,
	ArgumentParseError,
	EnumValidationError,
	FlagNotFoundError,
	UnexpectedFlagError,
	UnexpectedPositionalError,
	UnsatisfiedFlagError,
	UnsatisfiedPositionalError,
} from '@stricli/core';
import { UsageError, VpmuError } from '../../src/lib/index.ts';
import { unknownName } from '../usage/unknown-name.ts';
import { actionsOf, type CommandSpec, type Commands, type Named, type OptionSpec } from './command.ts';

/** No command or action has this name. */
export class UnknownCommand extends Error {}

export function unknownOption(word: string, name: string, { options }: CommandSpec): UsageError {
	const allowed = [...Object.keys(options), 'help'].map(option => `--${option}`);
	return unknownName('option', word, `of 'vpmu ${name}'`, allowed);
}

export function needsValue(option: string, name: string, { value }: OptionSpec): UsageError {
	return new UsageError(`option '--${option}' of 'vpmu ${name}' needs a value: --${option} ${value}`);
}

/** Refuses an option that would be ignored, or that contradicts another one. @throws UsageError */
export function checkTogether({ options: specs }: CommandSpec, given: Readonly<Record<string, unknown>>): void {
	const isGiven = (named: string) => {
		const [option = '', wanted] = named.split('=');
		const value = given[option];
		return wanted === undefined ? value !== undefined && value !== false : value === wanted;
	};
	const shown = (named: string) => {
		const [option = '', wanted = specs[option]?.value] = named.split('=');
		return `'--${option}${wanted === undefined ? '' : ` ${wanted}`}'`;
	};
	for (const [name, { needs = [], excludes = [] }] of Object.entries(specs)) {
		if (!isGiven(name)) continue;
		const other = excludes.find(isGiven);
		if (other !== undefined) throw new UsageError(`option '--${name}' cannot stand with ${shown(other)}`);
		// Commands share options, and some lack those of the others.
		const needed = needs.filter(named => Object.hasOwn(specs, named.split('=')[0]!));
		if (needed.length > 0 && !needed.some(isGiven)) {
			throw new UsageError(`option '--${name}' needs ${needed.map(shown).join(' or ')}`);
		}
	}
}

/** Rewrites errors of the library in our form: the value, where it stood, what is allowed. */
export function sentenceOf(
	error: unknown,
	commands: Commands,
	words: readonly string[],
	named: Named | undefined,
): unknown {
	if (error instanceof UnknownCommand) {
		const actions = actionsOf(commands, words[0]!);
		return actions === undefined
			? unknownName('command', error.message, "of 'vpmu'", Object.keys(commands))
			: unknownName('action', error.message, `of 'vpmu ${words[0]}'`, actions);
	}
	if (error instanceof VpmuError || named === undefined) return error;
	const { name, spec } = named;
	const usage = `usage: vpmu ${name} ${spec.usage}`;
	if (error instanceof ArgumentParseError) return error.exception;
	if (error instanceof FlagNotFoundError) return unknownOption(`--${error.input}`, name, spec);
	if (error instanceof AliasNotFoundError) {
		const word = words.find(one => /^-[a-z]+$/i.test(one) && one.includes(error.input));
		return unknownOption(word ?? `-${error.input}`, name, spec);
	}
	if (error instanceof EnumValidationError) {
		return unknownName('value', error.input, `of option '--${error.externalFlagName}'`, error.values);
	}
	if (error instanceof UnsatisfiedFlagError) {
		return needsValue(error.externalFlagName, name, spec.options[error.externalFlagName] ?? { help: '' });
	}
	if (error instanceof UnexpectedFlagError) {
		return new UsageError(
			`option '--${error.externalFlagName}' of 'vpmu ${name}' was given twice ('${error.previousInput}' and '${error.input}'), but is allowed once`,
		);
	}
	if (error instanceof UnexpectedPositionalError) {
		return new UsageError(`unexpected argument '${error.input}' of 'vpmu ${name}'; ${usage}`);
	}
	if (error instanceof UnsatisfiedPositionalError) {
		const least = error.limit?.[0] ?? 1;
		return new UsageError(`'vpmu ${name}' needs ${least === 1 ? 'an argument' : `${least} arguments`}; ${usage}`);
	}
	return error;
}
