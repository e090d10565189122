import type { Block, ListItem } from '../../report/index.ts';

/** A list under its heading; nothing if there is nothing to list. */
export const section = (text: string, items: readonly ListItem[]): Block[] =>
	items.length === 0
		? []
		: [
				{ kind: 'heading', text },
				{ kind: 'list', items },
			];
