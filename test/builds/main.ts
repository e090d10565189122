import { access, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { debianSource, openCache } from '../../src/image/index.ts';
import { SeriesTree } from './build.ts';
import { wrongBuilds } from './wrong.ts';

/** Builds the posted series and its wrong builds, in OUT/NAME/qemu-system-aarch64: node test/builds/main.ts --help */
const { values } = parseArgs({
	options: {
		series: { type: 'string' },
		source: { type: 'string' },
		out: { type: 'string' },
		help: { type: 'boolean' },
	},
});
const { series, source, out } = values;
if (values.help || series === undefined || out === undefined) {
	process.stderr.write('usage: node test/builds/main.ts --series FILE --out DIR [--source ARCHIVE]\n');
	process.exit(2);
}
const cache = await openCache({ onProgress: item => process.stderr.write(`${JSON.stringify(item)}\n`) });
const tree = new SeriesTree(cache, path.resolve(out, 'work'));
await mkdir(path.resolve(out, 'work'), { recursive: true });
await tree.prepare(source ?? (await debianSource(cache, 'trixie', 'qemu')).path, series);
for (const wrong of [undefined, ...wrongBuilds]) {
	const name = wrong?.name ?? 'posted';
	const program = path.resolve(out, name, 'qemu-system-aarch64');
	const isThere = await access(program).then(
		() => true,
		() => false,
	);
	if (!isThere) await tree.build(program, wrong);
	process.stdout.write(`${program}\n`);
}
