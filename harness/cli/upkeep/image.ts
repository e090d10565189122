import {
	buildImage,
	type Cache,
	type CacheItem,
	cacheSize,
	type Kernel,
	listCache,
	loadRecipe,
	namedKernel,
	openCache,
	type PinSummary,
	pruneCache,
	refreshPins,
} from '../../../src/image/index.ts';
import { counted, formatDuration, UsageError } from '../../../src/lib/index.ts';
import { pinName, wordsOfPins } from '../../../src/report/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import type { Given } from '../command.ts';
import type { imageBuildOptions, imageListOptions, imagePruneOptions } from './options.ts';
import { formatBytes, progressPrinter } from './progress.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** `vpmu image build`. */
export async function build(
	context: CommandContext,
	{ options, positionals: names }: Given<typeof imageBuildOptions>,
): Promise<number> {
	const { format } = options;
	const recipes = await Promise.all(
		(names.length === 0 ? ['guest', 'board'] : names).map(async name => ({
			...(await loadRecipe(name)),
			...(format === undefined ? {} : { format }),
		})),
	);
	const printer = progressPrinter(context.stderr);
	const { env, signal } = context;
	const cache = await openCache({ env, signal, refresh: options.refresh, onProgress: printer.report });
	const built: object[] = [];
	try {
		const changes = options.refresh ? await refreshPins(cache) : [];
		for (const pin of changes) {
			if (options.json || pin.changed === 0) continue;
			context.stdout.write(`${pinName(pin)}: ${counted(pin.changed, 'newer package')}\n`);
		}
		let kernel: Kernel | undefined;
		for (const recipe of recipes) {
			const startedAt = performance.now();
			if (recipe.kernelModules !== undefined) {
				const wanted = options.kernel ?? 'debian:trixie';
				kernel ??= await namedKernel(cache, wanted);
			}
			const image = await buildImage(cache, recipe, kernel === undefined ? {} : { kernel });
			const tookMs = Math.round(performance.now() - startedAt);
			printer.end();
			built.push({
				name: recipe.name,
				path: image.path,
				sizeBytes: image.sizeBytes,
				sha256: image.hash,
				tookMs,
				resolvedAt: oldestOf(cache),
			});
			if (!options.json) {
				context.stdout.write(
					`${recipe.name}  ${formatBytes(image.sizeBytes)}  ${formatDuration(tookMs)}  ${image.path}\n`,
				);
			}
		}
	} finally {
		printer.end();
	}
	if (options.json) context.stdout.write(`${JSON.stringify(built, null, 2)}\n`);
	else context.stdout.write(`${packagesLine([...cache.pins.values()])}\n`);
	return 0;
}

/** When the oldest versions were chosen that an image was made of. */
function oldestOf(cache: Cache): string | undefined {
	return [...cache.pins.values()].map(pin => pin.resolvedAt).toSorted()[0];
}

/** Of which day the versions of packages are, and what to do if they are old. */
function packagesLine(pins: readonly PinSummary[]): string {
	const { text, stale, remedy } = wordsOfPins(pins, Date.now());
	return stale ? `${text}; ${remedy}` : text;
}

/** `vpmu image list`. */
export async function list(context: CommandContext, { options }: Given<typeof imageListOptions>): Promise<number> {
	const cache = await openCache({ env: context.env, signal: context.signal });
	const items = await listCache(cache);
	const sizeBytes = await cacheSize(cache);
	if (options.json) {
		context.stdout.write(`${JSON.stringify({ root: cache.root, sizeBytes, items }, null, 2)}\n`);
		return 0;
	}
	context.stdout.write(`${cacheTable(items, Date.now())}\n${cache.root}: ${formatBytes(sizeBytes)} on disk\n`);
	return 0;
}

/** `vpmu image prune`. */
export async function prune(context: CommandContext, { options }: Given<typeof imagePruneOptions>): Promise<number> {
	const days = options['unused-for'];
	if (days !== undefined && !/^\d{1,5}(\.\d+)?$/.test(days)) {
		throw new UsageError(`'${days}' of option '--unused-for' is not a number of days`);
	}
	const printer = progressPrinter(context.stderr);
	const cache = await openCache({ env: context.env, signal: context.signal, onProgress: printer.report });
	const before = await cacheSize(cache);
	const dryRun = options['dry-run'];
	const unusedForMs = options.all ? 0 : Number(days ?? 30) * dayMs;
	const removed = await pruneCache(cache, { unusedForMs, dryRun });
	const freedBytes = before - (await cacheSize(cache));
	if (options.json) {
		context.stdout.write(`${JSON.stringify({ root: cache.root, dryRun, freedBytes, items: removed }, null, 2)}\n`);
		return 0;
	}
	if (removed.length > 0) context.stdout.write(`${cacheTable(removed, Date.now())}\n`);
	const what = counted(removed.length, 'item');
	context.stdout.write(
		dryRun ? `${what} would be removed\n` : `${what} removed, ${formatBytes(freedBytes)} freed in ${cache.root}\n`,
	);
	return 0;
}

/** Formats the cache's contents as a table: a description, size, ages in days, and what uses it. */
export function cacheTable(items: readonly CacheItem[], now: number): string {
	const labels = new Map(items.map(item => [`${item.kind}/${item.name}`, item.label]));
	const age = (date: Date) => {
		const days = Math.floor((now - date.getTime()) / dayMs);
		return days <= 0 ? 'today' : days === 1 ? '1 day' : `${days} days`;
	};
	const users = (item: CacheItem) => {
		const short = item.usedBy.map(user => (labels.get(user) ?? user).split(/[:(]/)[0]!.trim());
		return [...new Set(short)].join(', ') || '-';
	};
	const rows = [
		['KIND', 'WHAT', 'SIZE', 'MADE', 'LAST USED', 'USED BY'],
		...items.map(item => [
			item.kind,
			item.label,
			formatBytes(item.sizeBytes),
			age(item.madeAt),
			age(item.usedAt),
			users(item),
		]),
	];
	const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
	return rows
		.map(row =>
			row
				.map((cell, column) => (column === 2 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
				.join('  ')
				.trimEnd(),
		)
		.join('\n');
}
