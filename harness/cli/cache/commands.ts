import { command, type GroupSpec } from '../command.ts';
import { exportOptions, importOptions } from './options.ts';

export const cache: GroupSpec = {
	summary: 'move a filled cache to a machine without a mirror: export, import',
	actions: {
		export: command({
			summary: 'write what a run needs into a file, for another machine of this architecture',
			details:
				'Write all that a run with default options takes from Debian into a file (tar, Zstandard): fetches and builds it first if it is missing.',
			usage: 'FILE [--all]',
			options: exportOptions,
			positionals: { minimum: 1, maximum: 1 },
			load: async () => (await import('./move.ts')).exportTo,
		}),
		import: command({
			summary: 'add a file of vpmu cache export to the cache; runs then need no mirror',
			details:
				'Add a file of vpmu cache export to the cache. The programs in the file run here: take files only from whom you would take programs.',
			usage: 'FILE [--hash HASH]',
			options: importOptions,
			positionals: { minimum: 1, maximum: 1 },
			load: async () => (await import('./move.ts')).importFrom,
		}),
	},
};
