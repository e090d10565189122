import { spawn } from 'node:child_process';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { parseArgs } from 'node:util';
import { invoke } from '../../harness/cli/application.ts';
import { commandOf } from '../../harness/cli/command.ts';
import { commands } from '../../harness/cli/index.ts';
import { root, simpleCommands } from './extract.ts';

/**
 * Returns what is wrong with a line of a document as a command; `undefined` if it is valid. A command within a sentence
 * may lack values and arguments.
 */
export async function problemOf(line: string, isNamed = false): Promise<string | undefined> {
	const shell = await shellProblem(line);
	if (shell !== '') return shell;
	for (const words of simpleCommands(line)) {
		const problem = await problemOfWords(words, isNamed);
		if (problem !== undefined) return problem;
	}
	return undefined;
}

/** Returns a shell's complaint about a line's syntax; `''` if there is none. */
async function shellProblem(line: string): Promise<string> {
	const shell = spawn('sh', ['-n'], { stdio: ['pipe', 'ignore', 'pipe'] });
	shell.stdin.end(line);
	const said = Buffer.concat(await Array.fromAsync(shell.stderr))
		.toString()
		.trim();
	return shell.exitCode === 0 ? '' : said;
}

async function problemOfWords(words: readonly string[], isNamed: boolean): Promise<string | undefined> {
	const start = words.findIndex(word => !/^[A-Z_]+=/.test(word));
	const variables = Object.fromEntries(words.slice(0, start).map(word => word.split(/=(.*)/s)));
	const [program = '', ...argv] = words.slice(start);
	if (program === 'git' && argv[0] === 'bisect' && argv[1] === 'run')
		return await problemOfWords(argv.slice(2), isNamed);
	if (program === 'npx') return await problemOfWords([...words.slice(0, start), ...argv], isNamed);
	if (program === 'vpmu') return await vpmuProblem(argv, isNamed);
	if (program === 'ava') return await avaProblem(argv, variables.VPMU_TEST);
	if (program === 'npm') return npmProblem(argv);
	return undefined;
}

/** Parses a command line of vpmu without running it. */
async function vpmuProblem(argv: readonly string[], isNamed: boolean): Promise<string | undefined> {
	if (/^[A-Z]/.test(argv[0] ?? 'X') || argv[0] === '--version') return undefined;
	const named = commandOf(commands, argv);
	if (isNamed) {
		if (argv.length === 1 && argv[0]! in commands) return undefined;
		if (named === undefined) return `vpmu has no command '${argv[0]}'`;
		const unknown = argv.find(
			word =>
				word.startsWith('--') && word !== '--help' && !((word.slice(2).split('=')[0] ?? '') in named.spec.options),
		);
		return unknown === undefined ? undefined : `'vpmu ${named.name}' has no option '${unknown}'`;
	}
	const stream = new PassThrough().resume();
	const signal = new AbortController().signal;
	const context = { stdin: stream, stdout: stream, stderr: stream, env: {}, cwd: root, signal };
	try {
		await invoke(commands, argv, context, async () => 0);
	} catch (error) {
		return (error as Error).message;
	}
	return undefined;
}

/** The files of each suite, as in ava.config.js. */
const suites = {
	unit: ['{src,harness,images,test}/**/*.test.ts'],
	real: ['test/*.real.ts'],
	full: ['{src,harness,images,test}/**/*.{real,full}.ts'],
};

/** Checks arguments of AVA: files must be in the suite, and a test must match the title. */
async function avaProblem(words: readonly string[], suite = 'unit'): Promise<string | undefined> {
	const argv = words[0] === 'debug' ? words.slice(1) : words;
	const tests = suites[suite as keyof typeof suites];
	if (tests === undefined) return `VPMU_TEST=${suite} is not a suite`;
	const all = globSync(tests, { cwd: root }).map(file => path.join(root, file));
	const { values, positionals } = parseArgs({
		args: argv[0] === 'debug' ? argv.slice(1) : [...argv],
		...{ allowPositionals: true, strict: false },
		options: { match: { type: 'string', short: 'm' } },
	});
	const match = values.match as string | undefined;
	const files = positionals
		// The user fills in this file, or it is the user's own.
		.filter(word => !/[A-Z]{2,}|^cases\/mine\//.test(word))
		.flatMap(word => {
			const found = path.join(root, word);
			if (!existsSync(found)) return [`${word}: not there`];
			return statSync(found).isDirectory() ? all.filter(file => file.startsWith(`${found}/`)) : [found];
		});
	const missing = files.find(file => file.endsWith(': not there'));
	if (missing !== undefined) return missing;
	if (
		positionals.some(word => word.includes('/')) &&
		files.length === 0 &&
		!positionals.some(word => /[A-Z]{2,}|^cases\/mine\//.test(word))
	) {
		return `no file of the suite '${suite}' is there`;
	}
	const wrong = files.find(file => !/\/cases\//.test(file) && !all.includes(file));
	if (wrong !== undefined) return `${path.relative(root, wrong)} is not in the suite '${suite}'`;
	if (match === undefined) return undefined;
	const pattern = new RegExp(
		match
			.split('*')
			.map(part => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
			.join('.*'),
	);
	return files.some(file => pattern.test(readFileSync(file, 'utf8'))) ? undefined : `no test is called '${match}'`;
}

function npmProblem([verb = '', name = '']: readonly string[]): string | undefined {
	const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
	const script = verb === 'run' ? name : verb === 'test' || verb === 'start' ? verb : undefined;
	if (script !== undefined) return script in scripts ? undefined : `package.json has no script '${script}'`;
	return ['ci', 'i', 'install', 'pack', 'init', 'publish', 'version'].includes(verb)
		? undefined
		: `npm has no command '${verb}'`;
}
