import test from 'ava';
import type { Browser } from 'playwright-core';
import { unless } from '../../lib/testing/unless.ts';
import type { CellResult } from '../../run/results.ts';
import { chromiumPath, noChromium, openReport, startBrowser } from '../testing/browser.ts';
import { fakeRun } from '../testing/large.ts';
import { cellOf, resultsWith } from '../testing/results.ts';
import { htmlOf } from './html.ts';

const inBrowser = unless(chromiumPath === undefined ? noChromium : undefined, { serial: true });
let browser: Browser | undefined;
test.before(async () => {
	if (chromiumPath !== undefined) browser = await startBrowser();
});
test.after.always(() => browser?.close());

const consoleLines = Array.from({ length: 400 }, (_, index) => `[${index}.5] line ${index} of the console`).join('\n');
const qmp = '{"at":"2026-01-01T00:00:00.000Z","atMs":1000.000,"direction":"sent","message":{"execute":"query-kvm"}}\n';
const artifacts = (file: string) =>
	file.endsWith('/console.log') ? consoleLines : file.endsWith('/qmp.ndjson') ? qmp : undefined;
const report = htmlOf(fakeRun(134), { folder: 'vpmu-runs/x', artifacts });
const failing = 'choice/default[three-clusters,debian:trixie,virt]';
const moved = 'counting/moved[biglittle,debian:trixie,virt]';
const at = (id: string) => `#${new URLSearchParams({ cell: id })}`;

inBrowser('the overview counts and explains, asks for nothing from outside, and breaks no policy', async t => {
	await using opened = await openReport(browser!, report);
	const { page, complaints } = opened;
	t.is(await page.title(), 'vpmu run r');
	t.deepEqual(await page.locator('.summary b').allTextContents(), ['101', '1', '15', '1', '15', '1']);
	const wrong = page.locator('.wrong').first();
	t.regex(await wrong.innerText(), /0 lines of kvm_arm_set_pmu[\s\S]*there are 2/);
	t.regex(await wrong.innerText(), /vpmu run --cell 'choice\/default\[three-clusters,debian:trixie,virt\]'/);
	t.is(await page.locator('.chip').count(), 134);
	t.deepEqual(complaints, []);
});

inBrowser('filters show what fits, keep their state in the address, and give it back after a reload', async t => {
	await using opened = await openReport(browser!, report);
	const { page, complaints } = opened;
	const shown = () => page.locator('.chip:visible').count();
	await page.getByLabel('fail', { exact: false }).and(page.locator('[value=fail]')).check();
	t.is(await shown(), 1);
	t.is(await page.locator('#grid tbody tr:visible').count(), 2, 'the name of its case, and its row');
	t.regex(page.url(), /#status=fail$/);
	await page.getByRole('button', { name: 'all cells' }).click();
	t.is(await shown(), 134);
	await page.getByLabel('find', { exact: false }).first().fill('SLOPE virt-9.2');
	const found = await shown();
	t.true(found > 0 && found < 30);
	t.is(await page.locator('output[name=shown]').textContent(), `${found} of 134 cells`);
	await page.getByLabel('topology').and(page.locator('[name=on]')).selectOption('biglittle');
	t.true((await shown()) < found);
	await page.getByLabel('columns').selectOption('machine');
	t.deepEqual(await page.locator('#grid thead th').allTextContents(), ['case', 'virt', 'virt-9.2', 'virt-10.0']);
	const [url, count] = [page.url(), await shown()];
	await opened.goto(new URL(url).hash);
	t.is(await shown(), count);
	t.is(await page.getByLabel('columns').inputValue(), 'machine');
	t.is(await page.locator('.chip').count(), 134, 'laid out again, none is lost');
	t.deepEqual(complaints, []);
});

inBrowser('the matrix has a row for each case and what else tells its cells apart, by each axis', async t => {
	await using opened = await openReport(browser!, report);
	const { page } = opened;
	const grid = () => page.locator('#grid').innerText();
	const row = (title: string) =>
		page.locator('#grid tr', { has: page.getByRole('rowheader', { name: title, exact: true }) });
	const before = await grid();
	const slopes = page.locator('#grid tbody', { hasText: 'counting/slope' });
	const titles = async () => await slopes.locator('th[scope=row]').allTextContents();
	const patched = ['virt 10.0.13+choice', 'virt-9.2 10.0.13+choice'];
	t.deepEqual(await titles(), ['virt 10.0.13', 'virt-9.2 10.0.13', 'virt-10.0 10.0.13', ...patched]);
	await page.getByLabel('columns').selectOption('machine');
	t.is(await row('biglittle 10.0.13').first().locator('.chip').count(), 3);
	await page.getByLabel('columns').selectOption('on');
	t.is(await grid(), before);
});

inBrowser('a cell has its page: by a click, by its address, and away by Escape and the back button', async t => {
	await using opened = await openReport(browser!, report);
	const { page, complaints } = opened;
	await page.locator('.chip.fail').click();
	const cell = page.locator('#cell');
	await cell.getByText('What disagrees').waitFor();
	t.is(new URLSearchParams(new URL(page.url()).hash.slice(1)).get('cell'), failing);
	t.true(await page.locator('#overview').isHidden());
	t.is(await page.evaluate('document.activeElement.id'), 'cell');
	const text = await cell.innerText();
	for (const shown of [
		/by rule backcompat/,
		/no event source covers all CPUs/,
		/armv8_cortex_a72, type 9/,
		/oops null-dereference/,
	]) {
		t.regex(text, shown);
	}
	await cell.getByText('next', { exact: true }).first().click();
	await page.waitForFunction(id => document.querySelector('#cell .id')?.textContent !== id, failing);
	await page.goBack();
	await cell.getByText('What disagrees').waitFor();
	await page.keyboard.press('Escape');
	await page.locator('#overview').waitFor({ state: 'visible' });
	await opened.goto(at(moved));
	await cell.getByText('Counts', { exact: true }).waitFor();
	const plots = await cell.locator('svg').evaluateAll(all => all.map(one => one.getAttribute('aria-label') ?? ''));
	t.true(
		plots.some(label =>
			/cycles in intervals while the vCPU moved: on CPUs 0-3 61.00M.*on CPUs 4-7 0, 0, 0.*cannot run/.test(label),
		),
	);
	t.true(plots.some(label => /host CPUs 0-7; armv8_cortex_a53 \(type 8\) on 0-3; .*vCPU 1. on 0-3/.test(label)));
	t.true(plots.some(label => /measured 5 times: least/.test(label)));
	t.true(plots.some(label => /timeline: QEMU is started 41 ms/.test(label)));
	await opened.goto(at('no/such[cell]'));
	t.is(await cell.innerText(), 'The run has no cell no/such[cell].');
	t.deepEqual(complaints, []);
});

inBrowser('the console has a search that counts and goes on, and QMP its transcript', async t => {
	await using opened = await openReport(browser!, report);
	const { page } = opened;
	await opened.goto(at(moved));
	const console = page.locator('.log', { hasText: 'console.log' });
	await console.locator('summary').click();
	await console.getByRole('searchbox').fill('LINE 39');
	const output = console.locator('output');
	t.is(await output.textContent(), '1 of 11');
	await console.getByRole('button', { name: 'next' }).click();
	t.is(await output.textContent(), '2 of 11');
	t.true((await console.locator('pre').evaluate(pre => pre.scrollTop)) > 1000);
	await console.getByRole('searchbox').fill('absent');
	t.is(await output.textContent(), 'not found');
	t.regex(
		(await page.locator('.log', { hasText: 'QMP transcript' }).locator('pre').textContent()) ?? '',
		/0\.000 → \{"execute":"query-kvm"\}/,
	);
});

for (const colorScheme of ['light', 'dark'] as const) {
	for (const [device, width] of [
		['desktop', 1280],
		['phone', 360],
	] as const) {
		inBrowser(`axe-core finds nothing, and nothing is wider than the screen: ${device}, ${colorScheme}`, async t => {
			await using opened = await openReport(browser!, report, { colorScheme, viewport: { width, height: 800 } });
			const { page } = opened;
			for (const hash of ['', at(failing), at(moved)]) {
				await opened.goto(hash);
				if (hash !== '') await page.locator('#cell h2').waitFor();
				t.deepEqual(await opened.axe(), []);
				t.true((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width, `${hash} ${device}`);
			}
		});
	}
}

inBrowser('every control is reached by the keyboard', async t => {
	await using opened = await openReport(browser!, report);
	const { page } = opened;
	await page.getByLabel('find', { exact: false }).first().focus();
	await page.keyboard.type('three-clusters fail');
	await page.keyboard.press('Enter');
	const seen = new Set<string>();
	for (let presses = 0; presses < 40 && !seen.has('chip'); presses++) {
		await page.keyboard.press('Tab');
		seen.add(
			await page.evaluate<string>('document.activeElement.name || document.activeElement.className.split(" ")[0]'),
		);
	}
	for (const name of ['status', 'on', 'machine', 'qemu', 'by', 'scroll']) t.true(seen.has(name), name);
});

inBrowser('what hosts, guests and QEMUs say runs nothing and is shown as it is', async t => {
	const attack = `"><img src=x onerror=document.title='owned'><script>document.title='owned'</script><a href="javascript:alert(1)">x</a> ]]> &lt; \u202e\u0000`;
	const cell: CellResult = cellOf('fail', {
		...{ id: `pmu/a[${attack}]`, case: attack, reason: attack, machine: attack, notes: [attack], simulated: [attack] },
		predicted: { backend: attack, rule: attack, because: [attack], counting: { 0: attack } },
		observed: { backend: attack, layers: { qmp: attack, trace: { [attack]: attack }, guest: attack } },
		disagreements: [{ layer: attack, check: attack, expected: attack, seen: attack }],
		cpus: { online: `0-3,${attack}`, allowed: attack, pmus: [{ name: attack, type: 8, cpus: '0-3' }] },
		perf: [{ event: attack, state: 'counted', count: attack, doubled: attack, runningPct: 1, pinned: attack }],
		moved: [{ event: attack, intervalMs: 1, stays: [{ pinned: attack, counts: [attack], refused: attack }] }],
		artifacts: { [attack]: 'javascript:alert(1)' },
		on: { host: attack, topology: attack, kernel: attack },
	});
	await using opened = await openReport(
		browser!,
		htmlOf(resultsWith([cell]), { folder: attack, artifacts: () => attack }),
	);
	const { page, complaints } = opened;
	await page.locator('.chip').click();
	await page.locator('#cell h2').waitFor();
	t.regex(await page.locator('#cell .id').innerText(), /"><img src=x onerror=.*\\u202e\\x00\]$/);
	t.is(await page.locator('img, #cell script').count(), 0);
	t.deepEqual(await page.locator('[href^="javascript:" i]').count(), 0);
	t.notRegex(await page.title(), /^owned$/);
	t.deepEqual(complaints, []);
});

inBrowser('a run of 1,000 cells opens in less than 2 s of CPU, in no more than a constant for each cell', async t => {
	const cpuMs = async (cells: number) => {
		await using opened = await openReport(browser!, htmlOf(fakeRun(cells), { artifacts }));
		t.is(await opened.page.locator('.chip').count(), cells);
		return await opened.cpuMs();
	};
	const [few, many] = [await cpuMs(100), await cpuMs(1000)];
	t.log(`100 cells: ${Math.round(few)} ms, 1,000 cells: ${Math.round(many)} ms of CPU`);
	t.true(many < 2000, `${many} ms`);
	t.true(many < 15 * few, `${many} ms, and ${few} ms for a tenth`);
});
