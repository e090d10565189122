import {
	type Application,
	buildApplication,
	buildCommand,
	buildRouteMap,
	type InputCompletion,
	proposeCompletions,
	type RouteMap,
	run,
	type Command as StricliCommand,
	type CommandContext as StricliContext,
	type TypedFlagParameter,
	text_en,
} from '@stricli/core';
import { UsageError } from '../../src/lib/index.ts';
import { contextOf, type World } from '../usage/context.ts';
import { exitCodes } from '../usage/exit-codes.ts';
import { checkTemporaryFolder } from '../usage/temporary-folder.ts';
import { unknownName } from '../usage/unknown-name.ts';
import {
	actionsOf,
	type CommandSpec,
	type Commands,
	commandOf,
	type Given,
	type Named,
	type OptionSpec,
	parseInteger,
	withAction,
} from './command.ts';
import { checkTogether, needsValue, sentenceOf, UnknownCommand, unknownOption } from './complaints.ts';
import { groupHelpText, helpText, overview } from './help.ts';

/**
 * Parses a command line and runs its command. Returns the exit status.
 * @param perform what to do with the command found; runs it by default
 * @throws UsageError for an invalid command line, and whatever the command throws
 */
export async function invoke(
	commands: Commands,
	argv: readonly string[],
	world: World,
	perform: (spec: CommandSpec, given: Given) => Promise<number> = async (spec, given) => {
		checkTemporaryFolder(contextOf(world));
		return (await spec.load())(contextOf(world), given);
	},
): Promise<number> {
	const { stdout } = contextOf(world);
	const [first] = argv;
	if (first === undefined) {
		stdout.write(overview(commands));
		return exitCodes.usage;
	}
	const words = withAction(commands, first === 'help' ? [...argv.slice(1), '--help'] : argv);
	if (first.startsWith('-') && !isHelp(first)) {
		throw unknownName('option', first, "of 'vpmu'", ['--help', '--version']);
	}
	const actions = actionsOf(commands, words[0]!);
	if (actions !== undefined && words.length === 1) {
		throw new UsageError(`'vpmu ${first}' needs an argument; allowed: ${actions.join(', ')}`);
	}
	const named = commandOf(commands, words);
	const errors: unknown[] = [];
	let code: number | undefined;
	const app = applicationOf(commands, {
		onError: error => errors.push(error),
		perform: async (spec, given) => {
			code = await perform(spec, { ...given, argv: ['vpmu', ...argv] });
		},
		show: text => stdout.write(text),
	});
	await run(app, named === undefined ? words : prepared(named, words), silent);
	if (errors.length > 0) throw sentenceOf(errors[0], commands, words, named);
	return code ?? exitCodes.asPredicted;
}

/**
 * Returns what can be typed next, given the words so far (the last may be incomplete). Options are offered once a `-`
 * is typed.
 */
export async function completions(commands: Commands, words: readonly string[]): Promise<readonly InputCompletion[]> {
	const effects: Effects = { onError: () => undefined, perform: async () => undefined, show: () => undefined };
	const app = applicationOf(commands, effects);
	const last = words.at(-1) ?? '';
	const [, option = '', partial = last] = /^(--[^=]+)=(.*)$/s.exec(last) ?? [];
	const before = words.slice(0, -1);
	const typed = [...before, ...(option === '' ? [] : [option]), partial];
	const standard = withAction(commands, typed);
	// Either an action or an argument of the standard one may follow.
	const actions = standard !== typed && typed.length === 2 ? await proposeCompletions(app, typed, silent) : [];
	const found = [...actions, ...(await proposeCompletions(app, standard, silent))];
	return found
		.filter(({ kind, completion }) => completion !== '--' && (kind !== 'argument:flag' || partial !== ''))
		.map(one => (option === '' ? one : { ...one, completion: `${option}=${one.completion}` }));
}

const nothing = { write: () => undefined };
/** Routes errors through the application's texts, so that the library prints nothing. */
const silent = { process: { stdout: nothing, stderr: nothing } };

const isHelp = (word: string) => word === '--help' || word === '-h';

/**
 * Refuses or rewrites forms that stricli would take for arguments: `--x`, `--option=`, `--flag=1`, and values with line
 * breaks.
 */
function prepared({ name, spec }: Named, words: readonly string[]): readonly string[] {
	const end = words.includes('--') ? words.indexOf('--') : words.length;
	if (words.slice(0, end).some(isHelp)) return words;
	return words.flatMap((word, index) => {
		const [, option, value] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
		if (option === undefined || index >= end) return word;
		const known = Object.hasOwn(spec.options, option) ? spec.options[option] : undefined;
		if (known === undefined) throw unknownOption(`--${option}`, name, spec);
		if (value === undefined) return word;
		if (known.value === undefined) {
			throw new UsageError(`option '--${option}' of 'vpmu ${name}' takes no value, but '${value}' was given`);
		}
		if (value === '') throw needsValue(option, name, known);
		return value.includes('\n') ? [`--${option}`, value] : word;
	});
}

type RoutingTarget = StricliCommand<StricliContext> | RouteMap<StricliContext>;

interface Effects {
	readonly onError: (error: unknown) => void;
	readonly perform: (spec: CommandSpec, given: Omit<Given, 'argv'>) => Promise<void>;
	readonly show: (text: string) => void;
}

/** The library looks names up in objects, and a user may type `constructor`. */
const bare = <T>(entries: readonly (readonly [string, T])[]): Record<string, T> =>
	Object.assign(Object.create(null), Object.fromEntries(entries));

function applicationOf(commands: Commands, effects: Effects): Application<StricliContext> {
	const entries = Object.entries(commands).map(([name, spec]): [string, RoutingTarget] => {
		if (!('actions' in spec)) return [name, stricliCommand(spec, effects)];
		const routes = bare(
			Object.entries(spec.actions).map(([action, one]) => [action, stricliCommand(one, effects)] as const),
		);
		const hideRoute = bare((spec.hidden ?? []).map(action => [action, true] as const));
		return [name, buildRouteMap({ routes, docs: { brief: spec.summary, hideRoute } })];
	});
	const returned = (error: unknown) => {
		effects.onError(error);
		return '';
	};
	return buildApplication(
		buildRouteMap({ routes: bare(entries), docs: { brief: 'vpmu' } }),
		{
			name: 'vpmu',
			scanner: { caseStyle: 'original', allowArgumentEscapeSequence: true },
			documentation: { disableAnsiColor: true },
			localization: {
				text: {
					...text_en,
					noCommandRegisteredForInput: ({ input }) => returned(new UnknownCommand(input)),
					exceptionWhileParsingArguments: returned,
					exceptionWhileLoadingCommandFunction: returned,
					exceptionWhileRunningCommand: returned,
					exceptionWhileRunningIntegrationFlag: ({ exception }) => returned(exception),
				},
			},
		},
		{
			help: {
				flag: {
					...{ brief: 'show the help', aliases: ['h'], global: true },
					async run(_, { result }) {
						effects.show(helpOf(commands, result.prefix.slice(1)));
					},
				},
			},
		},
	);
}

function helpOf(commands: Commands, words: readonly string[]): string {
	const group = words.length === 1 ? commands[words[0]!] : undefined;
	if (group !== undefined && 'actions' in group) return groupHelpText(words[0]!, group);
	const named = commandOf(commands, words);
	return named === undefined ? overview(commands) : helpText(named.name, named.spec);
}

function stricliCommand(spec: CommandSpec, { perform }: Effects): StricliCommand<StricliContext> {
	const { minimum, maximum = 0, candidates } = spec.positionals ?? {};
	const flags = bare(Object.entries(spec.options).map(([name, option]) => [name, stricliFlag(name, option)] as const));
	return buildCommand<Record<string, unknown>, string[], StricliContext>({
		async func(values, ...positionals) {
			const options = Object.fromEntries(
				Object.entries(spec.options).map(([name, { value }]) => [
					name,
					value === undefined ? values[name] !== undefined : values[name],
				]),
			);
			checkTogether(spec, options);
			await perform(spec, { options: options as Given['options'], positionals });
		},
		parameters: {
			flags: flags as never,
			positional: {
				kind: 'array',
				parameter: {
					...{ brief: spec.summary, placeholder: 'ARGUMENT', parse: String },
					...(candidates === undefined ? {} : { proposeCompletions: () => candidates() }),
				},
				...(minimum === undefined ? {} : { minimum }),
				...(maximum === Number.POSITIVE_INFINITY ? {} : { maximum }),
			},
		},
		docs: { brief: spec.summary },
	});
}

function stricliFlag(name: string, { value, repeatable, choices, integer, candidates, help }: OptionSpec) {
	const shared = { brief: help, optional: true, ...(repeatable === true ? { variadic: true } : {}) } as const;
	let flag: TypedFlagParameter<unknown, StricliContext>;
	// A counter may be repeated, and repeating a flag is not a mistake.
	if (value === undefined) flag = { kind: 'counter', brief: help, optional: true } as never;
	else if (choices !== undefined) flag = { kind: 'enum', ...shared, values: choices } as never;
	else {
		const parse = (text: string) => (integer === undefined ? text : parseInteger(text, `--${name}`, integer));
		const proposed = candidates === undefined ? {} : { proposeCompletions: () => candidates() };
		flag = { kind: 'parsed', ...shared, parse, ...proposed } as never;
	}
	return flag;
}
