import { visible } from '../../lib/text/foreign.ts';
import { quoteCommand } from '../../lib/text/quote.ts';
import { type Block, type ListItem, oneLine, type ReportDocument, spaced } from './blocks.ts';

const style = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 1.5rem auto; max-width: 62rem; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.1rem; margin: 1.4rem 0 .4rem; }
p { margin: .3rem 0; } ul { margin: .3rem 0; padding-left: 1.2rem; } li { margin: .35rem 0; }
code, pre { font: 13px/1.4 ui-monospace, monospace; } pre { overflow-x: auto; padding: .5rem; background: #8882; margin: .3rem 0; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .15rem .9rem .15rem 0; vertical-align: top; }
.detail { opacity: .8; } summary { cursor: pointer; }`;

/** Renders a report as one HTML page without scripts or other files. */
export function htmlFrom({ title, blocks }: ReportDocument): string {
	return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${htmlText(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${htmlText(title)}</h1>
${blocks.map(blockOf).join('\n')}
</main>
</body>
</html>
`;
}

function blockOf(block: Block): string {
	switch (block.kind) {
		case 'heading':
			return `<h2>${htmlText(block.text)}</h2>`;
		case 'text':
			return `<p>${htmlText(block.text)}</p>`;
		case 'lines':
			return `<pre>${block.lines.map(htmlText).join('\n')}</pre>`;
		case 'list':
			return `<ul>\n${block.items.map(itemOf).join('\n')}\n</ul>`;
		case 'table':
			return tableOf(block.head, block.rows);
	}
}

function itemOf({ tag, text, detail, links = [], block = [], command, more = [] }: ListItem): string {
	const label = tag === undefined ? '' : `<strong>${htmlText(tag)}</strong>: `;
	const cells = more.map(line => `<li><code>${htmlText(line)}</code></li>`).join('\n');
	return `<li>${label}${htmlText(text)}${
		detail === undefined || detail === '' ? '' : `<div class="detail">${htmlText(detail)}</div>`
	}${links.length === 0 ? '' : `<div>${links.map(({ text: name, href }) => `<a href="${htmlText(href)}">${htmlText(name)}</a>`).join(', ')}</div>`}${
		block.length === 0 ? '' : `<pre>${block.map(line => escaped(spaced(line))).join('\n')}</pre>`
	}${command === undefined ? '' : `<pre>${htmlText(quoteCommand(command))}</pre>`}${
		more.length === 0
			? ''
			: `<details><summary>${more.length === 1 ? '1 cell' : `${more.length} cells`}</summary><ul>\n${cells}\n</ul></details>`
	}</li>`;
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const named = head.some(name => name !== '');
	const heading = named
		? `<thead><tr>${head.map(name => `<th scope="col">${htmlText(name)}</th>`).join('')}</tr></thead>`
		: '';
	const body = rows.map(cells => {
		const parts = head.map((_, at) => {
			const text = htmlText(cells[at] ?? '');
			return at === 0 && !named ? `<th scope="row">${text}</th>` : `<td>${text}</td>`;
		});
		return `<tr>${parts.join('')}</tr>`;
	});
	return `<table>${heading}<tbody>\n${body.join('\n')}\n</tbody></table>`;
}

/** Escapes one line of text for HTML elements and attributes; invisible characters are spelled out. */
export const htmlText = (value: string): string => escaped(visible(oneLine(value)));

function escaped(text: string): string {
	return text
		.replaceAll(/[^\u{20}-\u{7E}\u{A0}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\u{FFFD}')
		.replaceAll('&', '&amp;')
		.replaceAll('<', '&lt;')
		.replaceAll('>', '&gt;')
		.replaceAll('"', '&quot;')
		.replaceAll("'", '&#39;');
}
