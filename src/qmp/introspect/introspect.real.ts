import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { qemusUnderTest, startRealQemu } from '../testing/real-qemu.ts';
import { diffSchemas } from './diff-schemas.ts';
import { emitTypes } from './emit-types.ts';
import { QmpSchema } from './schema.ts';

const folder = path.resolve(import.meta.dirname, '../schema');
const committed = readdirSync(folder).map(name => ({ name, text: readFileSync(path.join(folder, name), 'utf8') }));
const schemas: { version: string; schema: QmpSchema }[] = [];

if (qemusUnderTest.length === 0) {
	test.skip('schema types and drift of real QEMUs [no QEMU: VPMU_TEST_QEMUS is not set]', () => undefined);
}
for (const command of qemusUnderTest) {
	test.serial(
		`schema of ${path.basename(command)}: types are made of it, and are those committed for its version`,
		async t => {
			await using qemu = await startRealQemu(command);
			await using qmp = await qemu.connect();
			const { qemu: number, package: packaged } = qmp.greeting.version;
			const version = `${number.major}.${number.minor}.${number.micro} (${packaged})`;
			const schema = new QmpSchema(await qmp.execute('query-qmp-schema'));
			schemas.push({ version, schema });
			const text = emitTypes(schema, { version });
			t.regex(text, /'query-status': \{ readonly arguments: NoMembers; readonly return: QueryStatusReturn; \}/);
			for (const file of committed.filter(file =>
				file.text.startsWith(`// The commands and events of QEMU ${version}.`),
			)) {
				t.is(text, file.text, `${file.name} is not what this QEMU gives: vpmu qmp --emit-types makes it anew`);
			}
		},
	);
}
if (qemusUnderTest.length > 1) {
	test.serial('drift between real QEMUs names commands that came and went', t => {
		t.is(schemas.length, qemusUnderTest.length);
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
}
