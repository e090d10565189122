import { html as tagged } from 'htm/preact';
import { h, type VNode } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { visible } from '../../lib/text/foreign.ts';

/** A piece of a page. Its text is escaped when rendered. */
export type Markup = VNode | readonly Markup[] | string | number | null | false;

/** Makes a piece of a page from HTML: ``markup`<p class=${name}>${text}</p>` ``. */
export const markup = tagged as (strings: TemplateStringsArray, ...values: unknown[]) => Markup;

/**
 * Renders a piece of a page. All content passes through here: preact escapes text and attributes, and characters that
 * control a terminal or the writing direction become visible, as on a terminal.
 */
export function html(piece: Markup): string {
	return visible(renderToString(h('x', null, piece as VNode))).slice('<x>'.length, -'</x>'.length);
}
