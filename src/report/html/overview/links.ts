import { visible } from '../../../lib/text/foreign.ts';
import type { CellResult, CellStatus } from '../../../run/results.ts';
import { type Markup, markup } from '../markup.ts';

/** Symbols that distinguish statuses without colour. */
export const signs: Record<CellStatus, string> = {
	...{ pass: '✓', xfail: '≈', skip: '–', fail: '✗', xpass: '!', error: '⚠' },
};

/** Renders a status as a coloured word. */
export function badge(status: CellStatus): Markup {
	return markup`<span class=${`badge ${status}`}><span aria-hidden="true">${signs[status]}</span> ${status}</span>`;
}

/**
 * Returns the fragment of the page's address that shows a cell. It uses the cell's name, so that it is the same in the
 * next run.
 */
export function cellAddress({ id }: Pick<CellResult, 'id'>): string {
	return `#${new URLSearchParams({ cell: visible(id) })}`;
}

export function cellLink(cell: CellResult, text: string, index: number): Markup {
	return markup`<a href=${cellAddress(cell)} data-cell=${index}>${text}</a>`;
}
