import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';

const root = path.resolve(import.meta.dirname, '..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

interface Exported {
	readonly name: string;
	readonly type: boolean;
	readonly from: string;
}

/** Returns the names that a file re-exports, with the file of each. */
function reexports(file: string): Exported[] {
	return [...read(file).matchAll(/^export (type )?\{([^}]*)\} from '([^']+)';/gm)].flatMap(([, type, names, from]) =>
		names!
			.split(',')
			.map(name => name.trim())
			.filter(Boolean)
			.map(name => ({
				name: name.replace(/^type /, '').replace(/^\w+ as /, ''),
				type: type !== undefined || name.startsWith('type '),
				from: path.join(path.dirname(file), from!),
			})),
	);
}

/** Follows re-exports to the file that declares a name. */
function declaredIn({ name, from }: Exported): string {
	const next = reexports(from).find(one => one.name === name);
	return next === undefined ? from : declaredIn(next);
}

const exported = reexports('src/index.ts');

test('the public names are these, and at most 70', t => {
	const names = (type: boolean) =>
		exported
			.filter(one => one.type === type)
			.map(one => one.name)
			.sort();
	// A name added here must be kept for users; removing one needs a new major version.
	t.deepEqual(names(false), [
		'Board',
		'BoardError',
		'CpuSet',
		'DeadlineError',
		'GuestError',
		'HostError',
		'LockBusyError',
		'Machine',
		'QemuError',
		'QmpClient',
		'QmpError',
		'SerialConsole',
		'UsageError',
		'VpmuError',
		'buildImage',
		'compareInspections',
		'connectQmp',
		'debianKernel',
		'debianQemu',
		'hostArchitecture',
		'inspectQemu',
		'judge',
		'listTopologies',
		'loadRecipe',
		'localHost',
		'openCache',
		'parseCpuList',
		'parseHostFacts',
		'parseJson',
		'parsePerfStat',
		'pinThread',
		'poll',
		'predictBackend',
		'quoteCommand',
		'readHostFacts',
		'readResults',
		'runPerfStat',
		'sshHost',
		'startBoard',
		'startMachine',
		'stringifyJson',
		'vcpuThreads',
		'workloads',
	]);
	t.deepEqual(names(true), [
		'Cache',
		'CellResult',
		'CommandResult',
		'ConnectOptions',
		'ExecuteOptions',
		'GuestResult',
		'GuestRunOptions',
		'GuestShell',
		'Host',
		'HostFacts',
		'HostProcess',
		'Inspection',
		'JsonValue',
		'MachineSpec',
		'PerfStatEntry',
		'PmuSettings',
		'Prediction',
		'QemuBuild',
		'QmpEvent',
		'QmpEventFilter',
		'QmpTarget',
		'Results',
		'RunOptions',
		'StartOptions',
		'WaitOptions',
	]);
	t.true(exported.length <= 70);
});

test('the index exports these names at run time', async t => {
	const values = exported.filter(one => !one.type).map(one => one.name);
	t.deepEqual(Object.keys(await import('../src/index.ts')).sort(), values.sort());
});

test('each public name has a doc comment at its declaration', t => {
	const without = exported.filter(one => {
		const declaration = new RegExp(
			`\\*/\\nexport (?:declare )?(?:abstract )?(?:async )?(?:function\\*?|class|interface|type|const) ${one.name}\\b`,
		);
		return !declaration.test(read(declaredIn(one)));
	});
	t.deepEqual(
		without.map(one => `${one.name} (${declaredIn(one)})`),
		[],
	);
});

test('docs/library.md describes each public name', t => {
	const text = read('docs/library.md');
	t.deepEqual(
		exported.map(one => one.name).filter(name => !new RegExp(`\`${name}\\b`).test(text)),
		[],
	);
});
