import { command, type GroupSpec } from '../command.ts';
import { submitOptions } from './options.ts';

export const kcidb: GroupSpec = {
	summary: 'results for KCIDB, the database of kernel tests: submit',
	actions: {
		submit: command({
			summary: 'send the results of a run to KCIDB over REST',
			details:
				"Send the results of a run to KCIDB: POST with a token, which is never printed. 'vpmu report --format kcidb' shows what is sent.",
			usage: 'RUN [--server URL] [--token-file FILE] [--commit HASH] [--tree NAME] [--url URL] [--origin NAME]',
			options: submitOptions,
			positionals: { minimum: 1, maximum: 1 },
			load: async () => (await import('./submit.ts')).submit,
		}),
	},
};
