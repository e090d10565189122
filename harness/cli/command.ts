import { UsageError } from '../../src/lib/index.ts';
import type { CommandContext } from '../usage/context.ts';

/** Returns the values possible at a place of the command line; called only for completion. */
export type Candidates = () => readonly string[] | Promise<readonly string[]>;

/** One option of a command. `value` names its argument in the help; an option without one is a flag. */
export interface OptionSpec {
	readonly value?: string;
	readonly repeatable?: true;
	readonly choices?: readonly string[];
	/** The value is an integer in this range. */
	readonly integer?: IntegerBounds;
	readonly candidates?: Candidates;
	/** Options that give it a meaning, as NAME or NAME=VALUE: one of them must be given too. */
	readonly needs?: readonly string[];
	/** Options that it contradicts, as NAME or NAME=VALUE. */
	readonly excludes?: readonly string[];
	readonly help: string;
}

export type Options = Readonly<Record<string, OptionSpec>>;

/** The parsed value of an option: a list, an integer, one of its choices, a text, or whether the flag is given. */
type ValueOf<S extends OptionSpec> = S extends { repeatable: true }
	? readonly string[] | undefined
	: S extends { integer: IntegerBounds }
		? number | undefined
		: S extends { choices: readonly (infer C)[] }
			? C | undefined
			: S extends { value: string }
				? string | undefined
				: boolean;

/** A command's parsed arguments. */
export interface Given<O extends Options = Options> {
	readonly options: { readonly [K in keyof O]: ValueOf<O[K]> };
	readonly positionals: readonly string[];
	/** The whole command line as typed, including `vpmu`. */
	readonly argv: readonly string[];
}

/**
 * Does the work of a command and returns the exit status. Throws UsageError for bad input, VpmuError for other
 * failures.
 */
export type Action<O extends Options> = (context: CommandContext, given: Given<O>) => Promise<number>;

/** A command. Its implementation is loaded only when it is called. */
export interface CommandSpec<O extends Options = Options> {
	/** A phrase for lists of commands. */
	readonly summary: string;
	/** Text for the help; default is the summary. */
	readonly details?: string;
	/** Text after the name in the usage line. */
	readonly usage: string;
	readonly options: O;
	readonly positionals?: { readonly minimum?: number; readonly maximum?: number; readonly candidates?: Candidates };
	readonly load: () => Promise<Action<NoInfer<O>>>;
}

/** Commands with a common first word, such as `vpmu board up`. */
export interface GroupSpec {
	readonly summary: string;
	readonly actions: Readonly<Record<string, CommandSpec>>;
	/** The action that is meant if none is named. */
	readonly standard?: string;
	/** Actions hidden from help and completion. */
	readonly hidden?: readonly string[];
}

/** Checks that a command's function accepts the values of its options, and erases their types. */
export function command<const O extends Options>(spec: CommandSpec<O>): CommandSpec {
	return spec as unknown as CommandSpec;
}

export type Commands = Readonly<Record<string, CommandSpec | GroupSpec>>;

/** A command found by the first words of a command line. */
export interface Named {
	readonly name: string;
	readonly spec: CommandSpec;
}

/** Returns the second words that are possible after a first one; `undefined` if it takes none. */
export function actionsOf(commands: Commands, name: string): string[] | undefined {
	const spec = Object.hasOwn(commands, name) ? commands[name] : undefined;
	if (spec === undefined || !('actions' in spec)) return undefined;
	return Object.keys(spec.actions).filter(action => !spec.hidden?.includes(action));
}

/** Inserts the standard action into a command line that names none. */
export function withAction(commands: Commands, words: readonly string[]): readonly string[] {
	const [first = '', second] = words;
	const spec = Object.hasOwn(commands, first) ? commands[first] : undefined;
	if (spec === undefined || !('actions' in spec) || spec.standard === undefined) return words;
	const isNamed = second !== undefined && (Object.hasOwn(spec.actions, second) || /^(--help|-h)$/.test(second));
	return isNamed ? words : [first, spec.standard, ...words.slice(1)];
}

/** Finds the command named by the first words of a command line. */
export function commandOf(commands: Commands, words: readonly string[]): Named | undefined {
	const [first = '', second = ''] = withAction(commands, words);
	const spec = Object.hasOwn(commands, first) ? commands[first] : undefined;
	if (spec === undefined) return undefined;
	if (!('actions' in spec)) return { name: first, spec };
	return Object.hasOwn(spec.actions, second) ? { name: `${first} ${second}`, spec: spec.actions[second]! } : undefined;
}

/** Returns the options' values when none is given. */
export function nothingGiven<O extends Options>(options: O): Given<O>['options'] {
	const values = Object.entries(options).map(([name, { value }]) => [name, value === undefined ? false : undefined]);
	return Object.fromEntries(values);
}

/** Both bounds are allowed values. */
export interface IntegerBounds {
	readonly least: number;
	readonly most: number;
}

/** Parses a decimal integer. @throws UsageError that names the option and the bounds */
export function parseInteger(text: string, option: string, { least, most }: IntegerBounds): number {
	const number = Number(text);
	if (!/^\d{1,15}$/.test(text) || number < least || number > most) {
		throw new UsageError(
			`'${text}' of option '${option}' is not valid; allowed: whole numbers from ${least} to ${most}`,
		);
	}
	return number;
}
