/**
 * Makes docs/report.png for README.md from the HTML reports of recorded runs, and the single screenshots in a folder:
 * `npm run screenshots -- FOLDER RUN...`. The overview and the matrix are those of the first run; one of the runs needs a cell
 * that failed, and one a cell of counting/moved-in-mid-count on the topology biglittle without `pmu=`.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { chromiumPath, noChromium, openReport, startBrowser } from '../../src/report/testing/browser.ts';
import type { CellResult, Results } from '../../src/run/results.ts';

const root = path.resolve(import.meta.dirname, '../..');
const [folder, ...given] = process.argv.slice(2);
if (folder === undefined || given.length === 0) throw new Error('usage: npm run screenshots -- FOLDER RUN...');
if (chromiumPath === undefined) throw new Error(noChromium);
mkdirSync(folder, { recursive: true });

const node = path.join(root, 'node_modules/.bin/node');
const runs = given.map(run => {
	const rendered = (format: string) =>
		execFileSync(node, [path.join(root, 'harness/bin.mjs'), 'report', run, '--format', format], {
			...{ encoding: 'utf8', maxBuffer: 1 << 28 },
		});
	return { cells: (JSON.parse(rendered('json')) as Results).cells, html: rendered('html') };
});

/** A state of a report's page. */
interface Place {
	readonly html: string;
	/** The state, as in the page's address. */
	readonly hash: string;
}

function pageOf(what: string, wanted: (cell: CellResult) => boolean): Place {
	for (const { cells, html } of runs) {
		const cell = cells.find(wanted);
		if (cell !== undefined) return { html, hash: `#${new URLSearchParams({ cell: cell.id })}` };
	}
	throw new Error(`no run has ${what}`);
}

const overview: Place = { html: runs[0]!.html, hash: '' };
const failed = pageOf('a failed cell', cell => cell.status === 'fail');
const moved = pageOf(
	'a cell of counting/moved-in-mid-count on biglittle without pmu= that counts',
	({ case: name, on, pmu, perf }) =>
		name === 'counting/moved-in-mid-count' && on.topology === 'biglittle' && pmu === null && perf.length > 0,
);

interface Shot {
	readonly name: string;
	readonly of: Place;
	/** What is scrolled to the top. */
	readonly top?: string;
	readonly options?: BrowserContextOptions;
}
const phone: BrowserContextOptions = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };
const shots: readonly Shot[] = [
	{ name: 'overview', of: overview },
	// Wide enough for a column for each topology.
	{ name: 'matrix', of: overview, top: '#matrix', options: { viewport: { width: 1380, height: 900 } } },
	{ name: 'failed', of: failed },
	{ name: 'moved', of: moved, top: '#cell figure', options: { viewport: { width: 860, height: 900 } } },
	{ name: 'phone', of: overview, options: phone },
	{ name: 'phone-failed', of: failed, options: phone },
	{ name: 'dark', of: failed, options: { colorScheme: 'dark', viewport: { width: 960, height: 900 } } },
	{ name: 'dark-matrix', of: overview, top: '#matrix', options: { colorScheme: 'dark' } },
];

async function take(browser: Browser, { name, of: { html, hash }, top, options }: Shot): Promise<void> {
	await using opened = await openReport(browser, html, options);
	await opened.goto(hash);
	if (hash !== '') await opened.page.locator('#cell h2').waitFor();
	if (top !== undefined) await toTop(opened.page, top);
	await opened.page.screenshot({ path: path.join(folder!, `${name}.png`) });
}

const toTop = (page: Page, selector: string) =>
	page
		.locator(selector)
		.first()
		.evaluate(found => (found as unknown as { scrollIntoView(): void }).scrollIntoView());

/** Lays screenshots out side by side, in front of nothing, so that the picture suits light and dark pages. */
async function compose(browser: Browser, names: readonly string[], file: string): Promise<void> {
	const images = names.map(
		name => `data:image/png;base64,${readFileSync(path.join(folder!, `${name}.png`), 'base64')}`,
	);
	await using context = await browser.newContext({ viewport: { width: 1640, height: 600 } });
	const page = await context.newPage();
	await page.setContent(
		`<style>body { margin: 0; padding: 10px; display: flex; gap: 20px; width: max-content }
img { height: 560px; border: 1px solid #8b949e; border-radius: 8px }</style>${images.map(src => `<img src="${src}">`).join('')}`,
	);
	await page.locator('body').screenshot({ path: file, omitBackground: true });
}

const browser = await startBrowser();
try {
	for (const shot of shots) await take(browser, shot);
	await compose(browser, ['matrix', 'dark', 'moved'], path.join(root, 'docs/report.png'));
} finally {
	await browser.close();
}
