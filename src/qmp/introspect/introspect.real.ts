import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { type QemuSuite, qemuSuites, startRealQemu } from '../testing/real-qemu.ts';
import { diffSchemas } from './diff-schemas.ts';
import { emitTypes } from './emit-types.ts';
import { QmpSchema } from './schema.ts';

const folder = path.resolve(import.meta.dirname, '../schema');
const committed = new Map(readdirSync(folder).map(name => [name, readFileSync(path.join(folder, name), 'utf8')]));
const compared: string[] = [];
const schemas: { version: string; schema: QmpSchema }[] = [];

for (const [suite, number] of Object.entries(qemuSuites)) {
	test.serial(`schema of QEMU ${number}: types are made of it, and are those committed for its version`, async t => {
		await using qemu = await startRealQemu(suite as QemuSuite);
		await using qmp = await qemu.connect();
		const { qemu: numbers, package: packaged } = qmp.greeting.version;
		const version = `${numbers.major}.${numbers.minor}.${numbers.micro} (${packaged})`;
		t.true(version.startsWith(`${number}.`), version);
		const schema = new QmpSchema(await qmp.execute('query-qmp-schema'));
		schemas.push({ version, schema });
		const text = emitTypes(schema, { version });
		t.regex(text, /'query-status': \{ readonly arguments: NoMembers; readonly return: QueryStatusReturn; \}/);
		// The first line names the exact version. A point release must not change the rest.
		const body = (declarations: string) => declarations.slice(declarations.indexOf('\n'));
		const file = committed.get(`qemu-${number}.ts`);
		if (file !== undefined) {
			compared.push(number);
			t.is(body(text), body(file), 'differs from the schema of this QEMU; regenerate it with vpmu qmp --emit-types');
		}
	});
}
test.serial('the types of the newest QEMU in use are those committed', t => {
	t.deepEqual(
		compared.map(number => `qemu-${number}.ts`),
		[...committed.keys()],
	);
	t.true(compared.includes(Object.values(qemuSuites).at(-1)!));
});

test.serial('drift between real QEMUs names commands that came and went', t => {
	t.is(schemas.length, Object.keys(qemuSuites).length);
	for (const [index, { schema, version }] of schemas.entries()) {
		t.deepEqual(diffSchemas(schema, schema).changes, []);
		const next = schemas[index + 1];
		if (next === undefined) continue;
		const { changes, deprecated, unstable } = diffSchemas(schema, next.schema);
		t.true(
			changes.some(({ kind, where }) => kind === 'added' && where.startsWith('command ')),
			version,
		);
		t.true(deprecated.length > 0 && unstable.length > 0);
	}
});
