import { UsageError } from '../../../src/lib/index.ts';

/** Parses repeatable `--label KEY=VALUE`. A value may be empty and may contain `=`. @throws UsageError */
export function readLabels(given: readonly string[] = []): Record<string, string> {
	const labels = new Map<string, string>();
	for (const text of given) {
		const [, key, value = ''] = /^([A-Za-z0-9][\w./-]*)=([^\u0000-\u001f\u007f]*)$/.exec(text) ?? [];
		if (key === undefined) {
			throw new UsageError(
				`'${text}' of option '--label' is not a label; allowed: KEY=VALUE in one line, with a key of letters, digits and _ . / -`,
			);
		}
		if (labels.has(key))
			throw new UsageError(`label '${key}' of option '--label' was given twice, but is allowed once`);
		labels.set(key, value);
	}
	return Object.fromEntries(labels);
}
