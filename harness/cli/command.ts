import { UsageError } from '../../src/lib/index.ts';
import type { CommandContext } from '../usage/context.ts';

/** What can be typed at a place of the command line, for completion; asked only when somebody presses the Tab key. */
export type Candidates = () => readonly string[] | Promise<readonly string[]>;

/** One option of a command. A `value` names the argument in the help; an option without one is a flag. */
export interface OptionSpec {
	readonly value?: string;
	readonly repeatable?: true;
	readonly choices?: readonly string[];
	/** The value is an integer within these bounds. */
	readonly integer?: IntegerBounds;
	readonly candidates?: Candidates;
	readonly help: string;
}

export type Options = Readonly<Record<string, OptionSpec>>;

/** What an option gives: a list, an integer, one of its choices, a text, or whether the flag is there. */
type ValueOf<S extends OptionSpec> = S extends { repeatable: true }
	? readonly string[] | undefined
	: S extends { integer: IntegerBounds }
		? number | undefined
		: S extends { choices: readonly (infer C)[] }
			? C | undefined
			: S extends { value: string }
				? string | undefined
				: boolean;

/** The arguments of a command, read by its options. */
export interface Given<O extends Options = Options> {
	readonly options: { readonly [K in keyof O]: ValueOf<O[K]> };
	readonly positionals: readonly string[];
	/** The whole command line as it was typed, from `vpmu` on. */
	readonly argv: readonly string[];
}

/** A command's work. Returns the exit status. Throws UsageError for bad input, VpmuError for other troubles. */
export type Action<O extends Options> = (context: CommandContext, given: Given<O>) => Promise<number>;

/** One command as it can be typed. What it does is loaded only when it is called. */
export interface CommandSpec<O extends Options = Options> {
	/** A phrase for lists of commands. */
	readonly summary: string;
	/** What the help says; default the summary. */
	readonly details?: string;
	/** What stands after the name in the usage line. */
	readonly usage: string;
	readonly options: O;
	readonly positionals?: { readonly minimum?: number; readonly maximum?: number; readonly candidates?: Candidates };
	readonly load: () => Promise<Action<NoInfer<O>>>;
}

/** Commands with a first word in common, such as `vpmu board up`. */
export interface GroupSpec {
	readonly summary: string;
	readonly actions: Readonly<Record<string, CommandSpec>>;
	/** Actions that no help and no completion shows. */
	readonly hidden?: readonly string[];
}

/** Checks that a command's work takes what its options give, and forgets the options' types. */
export function command<const O extends Options>(spec: CommandSpec<O>): CommandSpec {
	return spec as unknown as CommandSpec;
}

export type Commands = Readonly<Record<string, CommandSpec | GroupSpec>>;

/** A command that the first words of a command line name. */
export interface Named {
	readonly name: string;
	readonly spec: CommandSpec;
}

/** The second words that a first one takes; `undefined` for one that is a command itself, or none. */
export function actionsOf(commands: Commands, name: string): string[] | undefined {
	const spec = Object.hasOwn(commands, name) ? commands[name] : undefined;
	if (spec === undefined || !('actions' in spec)) return undefined;
	return Object.keys(spec.actions).filter(action => !spec.hidden?.includes(action));
}

/** The command that the first words of a command line name. */
export function commandOf(commands: Commands, [first = '', second = '']: readonly string[]): Named | undefined {
	const spec = Object.hasOwn(commands, first) ? commands[first] : undefined;
	if (spec === undefined) return undefined;
	if (!('actions' in spec)) return { name: first, spec };
	return Object.hasOwn(spec.actions, second) ? { name: `${first} ${second}`, spec: spec.actions[second]! } : undefined;
}

/** The values of options of which none is given. */
export function nothingGiven<O extends Options>(options: O): Given<O>['options'] {
	const values = Object.entries(options).map(([name, { value }]) => [name, value === undefined ? false : undefined]);
	return Object.fromEntries(values);
}

/** Both bounds belong to what is allowed. */
export interface IntegerBounds {
	readonly least: number;
	readonly most: number;
}

/** Reads a decimal integer. @throws UsageError that names the option and the bounds */
export function parseInteger(text: string, option: string, { least, most }: IntegerBounds): number {
	const number = Number(text);
	if (!/^\d{1,15}$/.test(text) || number < least || number > most) {
		throw new UsageError(`'${text}' of option '${option}' is not a whole number that is allowed: ${least} to ${most}`);
	}
	return number;
}
