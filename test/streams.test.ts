import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';

/*
 * An `error` event without a listener ends the process, and a pipe whose far end fails stops reading its near end, so
 * that the program there waits forever. So streams are made only in places that handle both.
 */

const root = path.resolve(import.meta.dirname, '..');
const isTest = (file: string) => /\.(test|real|full|bench)\.ts$|\/testing\//.test(file);

const sources = ['src', 'harness', 'cases', 'images']
	.flatMap(folder =>
		readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map(name => path.join(folder, name)),
	)
	.filter(file => file.endsWith('.ts') && !isTest(file))
	.map(file => ({ file, text: readFileSync(path.join(root, file), 'utf8') }));

interface Rule {
	readonly what: RegExp;
	/** Files that may contain it, with how each handles errors. */
	readonly except: Readonly<Record<string, RegExp>>;
	readonly instead: string;
}

const lib = 'src/lib/text/streams.ts';

const rules: readonly Rule[] = [
	{ what: /\bcreateWriteStream\b/, except: {}, instead: 'FileSink' },
	{ what: /readdirSync\([^)]*recursive: true/, except: {}, instead: 'entriesBelow' },
	{ what: /(?<!\bv)\.pipe\(/, except: { [lib]: /harmless\(source\)\.pipe\(/ }, instead: 'drainInto, or pipeline' },
	{
		what: /\bcreateInterface\(/,
		except: { [lib]: /lines\.on\('error'/, 'harness/qmp-shell/interactive.ts': /terminal\.on\('error'/ },
		instead: 'linesOf',
	},
	{
		what: /(?<!harmless\()(?<![\w.])(net\.)?(connect|createConnection)\(\s*(\{|[\w.]+\))/,
		except: {
			'src/qmp/wire/open.ts': /socket\.(on|once)\('error'/,
			'harness/bench/bare-loop.ts': /socket\.on\('error'/,
		},
		instead: 'harmless(connect(…)), or connect of a host',
	},
	{
		what: /(?<!harmless\()new Socket\(/,
		except: { 'src/qemu/machine/fifos.ts': /#reader\.on\('error'/ },
		instead: 'harmless',
	},
	{
		what: /\bserver\b[^;]*\.listen\(|'error', reject\)\.listen\(/,
		except: { [lib]: /harmless\(server\)/ },
		instead: 'listen',
	},
	{ what: /\bAbortSignal\.any\(/, except: {}, instead: 'eitherSignal' },
	{
		what: /\bcreateServer\((?![\s\S]*(harmless|linesOf)\()/,
		except: {},
		instead: 'harmless(socket) for what it accepts',
	},
];

/** Returns the rules that a text breaks. */
function broken(file: string, text: string): string[] {
	const code = text.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');
	return rules
		.filter(({ what }) => what.test(code))
		.filter(({ except }) => !(except[file]?.test(code) ?? false))
		.map(({ instead }) => `${file}: ${instead}`);
}

test('no stream is made without error handling', t => {
	t.true(sources.length > 200);
	t.deepEqual(
		sources.flatMap(({ file, text }) => broken(file, text)),
		[],
	);
});

test('each rule catches what it forbids', t => {
	for (const [text, count] of [
		['const log = createWriteStream(file);', 1],
		['child.stdout.pipe(log, { end: false });', 1],
		['createInterface({ input: socket }).on("line", f);', 1],
		['const socket = connect(path);', 1],
		['const socket = net.connect({ path });', 1],
		['const socket = harmless(connect(path));', 0],
		["server.once('error', reject).listen(path, resolve);", 1],
		['const server = createServer(socket => socket.end());', 1],
		['createServer(socket => void harmless(socket).end());', 0],
		['new Socket({ fd });', 1],
		['AbortSignal.any([a, b]);', 1],
		['readdirSync(folder, { recursive: true });', 1],
		['v.pipe(v.string(), v.nonEmpty());', 0],
		['await host.connect(path); // pipes of old: .pipe(x)', 0],
	] as const) {
		t.is(broken('src/x.ts', text).length, count, text);
	}
});
