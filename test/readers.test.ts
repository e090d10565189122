import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';

/*
 * Files of the cache and of run folders may be empty, truncated or replaced after a power loss or a cleanup by hand.
 * One reader reads and checks them (src/lib/files/stored.ts). JSON parsed elsewhere is listed here, with the reason.
 */
const places: Readonly<Record<string, string>> = {
	'src/lib/text/json.ts': 'the parser itself',
	'src/lib/files/stored.ts': 'the reader itself',
	'src/lib/files/lock.ts': 'words of a command line; text that is not JSON is shown as it is',
	'src/qmp/wire/messages.ts': 'messages of QEMU',
	'src/qmp/wire/recording.ts': 'recordings of tests',
	'src/qemu/machine/qmp-watch.ts': 'messages of QEMU',
	'src/patch/patchwork.ts': 'answers of a server, checked there',
	'src/guest/perf/json.ts': 'output of perf',
	'src/board/topology.ts': "files of the package, checked by 'checkTopology'",
	'src/pmu/probe/parse-facts.ts': "a user's file, checked there",
	'harness/usage/places.ts': "the package's own package.json",
	'harness/plan/select.ts': 'topologies of the package',
	'harness/plan/case-files.ts': "the package.json of a user's own package",
	'harness/qmp-shell/arguments.ts': "a person's words",
	'harness/protocol/broker.ts': 'messages between our own processes',
	'harness/worker/worker.ts': 'the plan that our own process has just written',
	'harness/worker/hosts/batch.ts': 'messages of QEMU',
	'harness/bench/bare-loop.ts': 'messages of QEMU',
};

const root = path.resolve(import.meta.dirname, '..');
const parsers = ['src', 'harness', 'images', 'cases']
	.flatMap(folder =>
		readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map(name => path.join(folder, name)),
	)
	.filter(file => file.endsWith('.ts') && !/\.(test|real|full|bench)\.ts$|\/testing\//.test(file))
	.filter(file => {
		const text = readFileSync(path.join(root, file), 'utf8');
		// In one pass: a text may hold what begins a comment, such as ssh://HOST.
		const code = text.replaceAll(/\/\*[\s\S]*?\*\/|'[^'\n]*'|`[^`]*`|\/\/.*$/gm, "''");
		return /\bJSON\.parse\(|\bparseJson\(/.test(code);
	});

test('JSON is parsed only in known places, and our own files by the reader that checks them', t => {
	t.deepEqual(
		parsers.filter(file => !(file in places)),
		[],
	);
	t.deepEqual(
		Object.keys(places).filter(file => !parsers.includes(file)),
		[],
		'no longer there',
	);
});
