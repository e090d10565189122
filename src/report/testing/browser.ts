import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** A Chromium of this machine; `undefined` if there is none. */
export const chromiumPath = [
	process.env.CHROMIUM,
	'/usr/bin/chromium',
	'/usr/bin/chromium-browser',
	'/usr/bin/google-chrome',
]
	.filter(file => file !== undefined)
	.find(existsSync);

export const noChromium = 'no Chromium on this machine: apt-get install chromium, or set CHROMIUM to the path of one';

/** Starts a headless Chromium that asks no questions. */
export async function startBrowser(): Promise<Browser> {
	return await chromium.launch({
		executablePath: chromiumPath!,
		// As root it has no sandbox; it shows only files made by the tests.
		args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
	});
}

/** An opened page, with what it did. */
export interface Opened extends AsyncDisposable {
	readonly page: Page;
	/** Errors, policy violations, and addresses that it requested. */
	readonly complaints: string[];
	/** Opens the report again in another state. */
	goto(hash: string): Promise<void>;
	/** axe-core's findings, a line each. */
	axe(): Promise<string[]>;
	/** Milliseconds of CPU that the page's main thread took to open the report. */
	cpuMs(): Promise<number>;
}

/** Opens an HTML report from a file, as a user does. */
export async function openReport(browser: Browser, html: string, options: BrowserContextOptions = {}): Promise<Opened> {
	await using stack = new AsyncDisposableStack();
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	stack.defer(() => rm(folder, { recursive: true }));
	const file = path.join(folder, 'report.html');
	await writeFile(file, html);
	const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
	stack.defer(() => context.close());
	const page = await context.newPage();
	const devtools = await context.newCDPSession(page);
	// Thread time, so that other load is not counted.
	await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
	const complaints: string[] = [];
	const address = String(pathToFileURL(file));
	page.on('console', message => complaints.push(message.text()));
	page.on('pageerror', error => complaints.push(error.message));
	page.on('request', request => {
		if (request.url().replace(/#.*$/s, '') !== address) complaints.push(`asked for ${request.url()}`);
	});
	await page.goto(address);
	const owned = stack.move();
	return {
		...{ page, complaints },
		async goto(hash) {
			// Another state alone would not reload the page.
			await page.goto('about:blank');
			await page.goto(`${address}${hash}`);
		},
		async axe() {
			await devtools.send('Page.setBypassCSP', { enabled: true });
			await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
			const { violations } = (await page.evaluate('axe.run()')) as {
				violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[];
			};
			return violations.flatMap(({ id, nodes }) =>
				nodes.map(node => `${id}: ${node.html} ${node.failureSummary ?? ''}`),
			);
		},
		async cpuMs() {
			const { metrics } = await devtools.send('Performance.getMetrics');
			return (metrics.find(one => one.name === 'TaskDuration')?.value ?? Number.NaN) * 1000;
		},
		[Symbol.asyncDispose]: () => owned.disposeAsync(),
	};
}
