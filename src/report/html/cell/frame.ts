import type { ScaleLinear } from 'd3-scale';
import { shortCount } from '../../words.ts';
import { type Markup, markup } from '../markup.ts';

/** The area of a plot within its axes. */
export const area = { left: 66, right: 610, top: 14, bottom: 190 } as const;

/**
 * Draws a plot's frame: an SVG with a vertical axis of counts, the content, and a caption. Plain SVG on d3's scales
 * looks the same without a script, is small, follows the page's dark and light style, and has a label for screen
 * readers. Plot libraries need a DOM or draw on an inaccessible canvas.
 */
export function plotFrame(given: {
	readonly label: string;
	readonly caption: string;
	readonly y: ScaleLinear<number, number>;
	readonly content: Markup;
}): Markup {
	const { label, caption, y, content } = given;
	return markup`<figure class="plot"><svg viewBox="0 0 640 230" role="img" aria-label=${label}>
${y
	.ticks(5)
	.map(
		tick =>
			markup`<g><line class="grid" x1=${area.left} x2=${area.right} y1=${y(tick)} y2=${y(tick)} /><text x=${area.left - 6} y=${y(tick) + 4} text-anchor="end">${shortCount(tick)}</text></g>`,
	)}
${content}
</svg><figcaption>${caption}</figcaption></figure>`;
}
