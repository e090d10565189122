import { copyFile, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { debianSource, openCache } from '../../src/image/index.ts';
import { SeriesTree } from './build.ts';
import { wrongBuilds } from './wrong.ts';

const usage = `usage: node test/builds/main.ts --series FILE --out DIR [--source ARCHIVE] [--only NAME]...

Builds the posted series (NAME 'posted') and its wrong builds as OUT/NAME/qemu-system-aarch64. The tree of the unpatched
build is kept in the cache, as by 'vpmu series', so that each takes about a minute.
`;
const { values } = parseArgs({
	options: {
		series: { type: 'string' },
		source: { type: 'string' },
		out: { type: 'string' },
		only: { type: 'string', multiple: true },
		help: { type: 'boolean' },
	},
});
const { series, source, out, only } = values;
if (values.help || series === undefined || out === undefined) {
	process.stderr.write(usage);
	process.exit(values.help ? 0 : 2);
}
const all = [undefined, ...wrongBuilds];
const nameOf = (wrong: (typeof all)[number]) => wrong?.name ?? 'posted';
const unknown = only?.find(name => !all.some(wrong => nameOf(wrong) === name));
if (unknown !== undefined) {
	process.stderr.write(`--only is '${unknown}', but must be one of ${all.map(nameOf).join(', ')}\n`);
	process.exit(2);
}
const cache = await openCache({ onProgress: item => process.stderr.write(`${JSON.stringify(item)}\n`) });
const archive = source ?? (await debianSource(cache, 'trixie', 'qemu')).path;
const tree = await SeriesTree.open(cache, archive, { name: series, content: await readFile(series) });
for (const wrong of all.filter(one => only?.includes(nameOf(one)) ?? true)) {
	const program = path.resolve(out, nameOf(wrong), 'qemu-system-aarch64');
	await mkdir(path.dirname(program), { recursive: true });
	await copyFile(await tree.build(wrong), program);
	process.stdout.write(`${program}\n`);
}
