import { createHash } from 'node:crypto';
import type { Results } from '../../run/results.ts';
import { type ArtifactReader, cellPage } from './cell/page.ts';
import { client } from './client.ts';
import { html, markup } from './markup.ts';
import { overview } from './overview/overview.ts';
import { packed } from './pack.ts';
import { style } from './style.ts';

export interface HtmlOptions {
	/** The run folder's path for the reader, for commands. */
	readonly folder?: string;
	/** Reads files of the run folder for consoles and logs; without it the page only links to them. */
	readonly artifacts?: ArtifactReader;
}

/**
 * Renders a run as one HTML page that needs no network and no other file: an overview, a matrix of the cells, and a page for
 * each cell. Links lead to the artifacts next to it in the run folder. Its policy allows its own style and script, by their
 * hashes, and nothing else. The page of a cell is stored compressed and unpacked when it is opened, so that a run of 1,000
 * cells opens as fast as one of 10.
 */
export function htmlOf(results: Results, { folder = 'RUN', artifacts }: HtmlOptions = {}): string {
	const script = `(${client})();`;
	const policy = [
		"default-src 'none'",
		`style-src ${hashOf(style)}`,
		`script-src ${hashOf(script)}`,
		"base-uri 'none'",
		"form-action 'none'",
	].join('; ');
	const title = `vpmu run ${results.run.id}`;
	const pages = results.cells.map((cell, index) => {
		const page = html(cellPage(cell, { folder, ...(artifacts === undefined ? {} : { artifacts }) }));
		return `<script type="text/plain" id="page-${index}">${packed(page)}</script>`;
	});
	return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
${html(markup`<meta http-equiv="Content-Security-Policy" content=${policy} />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<title>${title}</title>`)}
<style>${style}</style>
</head>
<body>
${html(overview(results, folder))}
<main id="cell" hidden tabindex="-1"></main>
${pages.join('\n')}
<script>${script}</script>
</body>
</html>
`;
}

function hashOf(text: string): string {
	return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
