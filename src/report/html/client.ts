/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

/**
 * The page's script, which runs in a browser: its text is embedded, so that it must not use anything from outside. The
 * page's whole state (filters, columns, the open cell) is in its address after `#`.
 */
export function client(): void {
	const find = <T extends Element>(selector: string, within: ParentNode = document) =>
		within.querySelector<T>(selector)!;
	const all = <T extends Element>(selector: string, within: ParentNode = document) => [
		...within.querySelectorAll<T>(selector),
	];
	const form = find<HTMLFormElement>('#filters');
	const grid = find<HTMLTableElement>('#grid');
	const overview = find<HTMLElement>('#overview');
	const page = find<HTMLElement>('#cell');
	const chips = all<HTMLAnchorElement>('.chip');
	const rows = all<HTMLElement>('[data-row]');
	const title = document.title;
	let columns = 'on';
	let open: string | null = null;
	let scrolled = 0;

	const state = () => new URLSearchParams(location.hash.slice(1));
	const go = (next: URLSearchParams, replace = false) => {
		const address = `#${next}`;
		if (replace) history.replaceState(null, '', address);
		else history.pushState(null, '', address);
		void show();
	};

	/** Rearranges the cells by another axis: the same elements in other columns. */
	const layOut = (axis: string) => {
		if (axis === columns) return;
		columns = axis;
		const axisOf = (chip: HTMLElement) => chip.dataset[axis] ?? '';
		const names = [...new Set(chips.map(axisOf))].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
		const element = (name: string, text: string, scope?: string) => {
			const made = document.createElement(name);
			made.textContent = text;
			if (scope !== undefined) made.setAttribute('scope', scope);
			return made;
		};
		find('thead tr', grid).replaceChildren(...['case', ...names].map(name => element('th', name, 'col')));
		const groups = Map.groupBy(chips, chip => chip.dataset.case ?? '');
		const bodies = [...groups].map(([name, group]) => {
			const [body, first] = [document.createElement('tbody'), document.createElement('tr')];
			const heading = element('th', name, 'rowgroup') as HTMLTableCellElement;
			heading.colSpan = names.length + 1;
			first.append(heading);
			body.append(first);
			for (const [title, own] of Map.groupBy(group, chip => chip.getAttribute(`data-row-${axis}`) ?? '')) {
				const row = document.createElement('tr');
				row.append(element('th', title, 'row'));
				for (const name of names) {
					const cell = document.createElement('td');
					cell.append(...own.filter(chip => axisOf(chip) === name));
					row.append(cell);
				}
				body.append(row);
			}
			return body;
		});
		for (const body of all('tbody', grid)) body.remove();
		grid.append(...bodies);
	};

	const filter = (given: URLSearchParams) => {
		const words = (given.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean);
		const statuses = given.get('status')?.split(',').filter(Boolean) ?? [];
		let shown = 0;
		for (const chip of chips) {
			const text = (chip.dataset.text ?? '').toLowerCase();
			const fits =
				words.every(word => text.includes(word)) &&
				(statuses.length === 0 || statuses.includes(chip.dataset.status ?? '')) &&
				['on', 'machine', 'qemu'].every(axis => (given.get(axis) ?? chip.dataset[axis]) === chip.dataset[axis]);
			chip.hidden = !fits;
			if (fits) shown++;
			const row = rows[Number(chip.dataset.cell)];
			if (row !== undefined) row.hidden = !fits;
		}
		for (const part of all<HTMLElement>('tbody, tbody tr:has(td)', grid))
			part.hidden = part.querySelector('.chip:not([hidden])') === null;
		find<HTMLOutputElement>('output', form).value =
			shown === chips.length ? `${shown} cells` : `${shown} of ${chips.length} cells`;
		for (const field of form.elements) {
			if (field instanceof HTMLInputElement && field.type === 'checkbox')
				field.checked = statuses.includes(field.value);
			else if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) {
				const value = given.get(field.name) ?? (field.name === 'by' ? 'on' : '');
				if (field.value !== value) field.value = value;
			}
		}
	};

	const unpack = async (index: string) => {
		const bytes = Uint8Array.from(atob(find(`#page-${index}`).textContent ?? ''), character => character.charCodeAt(0));
		return await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text();
	};

	const show = async () => {
		const given = state();
		layOut(given.get('by') ?? 'on');
		filter(given);
		const id = given.get('cell');
		if (id === open) return;
		if (open === null) scrolled = window.scrollY;
		open = id;
		const chip = id === null ? undefined : chips.find(one => one.dataset.id === id);
		if (id === null) {
			page.hidden = true;
			overview.hidden = false;
			document.title = title;
			window.scrollTo(0, scrolled);
			return;
		}
		if (chip === undefined) page.textContent = `The run has no cell ${id}.`;
		else {
			try {
				const text = await unpack(chip.dataset.cell ?? '');
				if (open !== id) return;
				page.innerHTML = text;
			} catch (error) {
				page.textContent = `This browser cannot unpack the page of ${id}: ${error}`;
			}
		}
		overview.hidden = true;
		page.hidden = false;
		document.title = `${id} - ${title}`;
		window.scrollTo(0, 0);
		page.focus();
	};

	const withCell = (id: string | null) => {
		const next = state();
		if (id === null) next.delete('cell');
		else next.set('cell', id);
		return next;
	};

	const step = (by: number) => {
		const shown = chips.filter(chip => !chip.hidden);
		const at = shown.findIndex(chip => chip.dataset.id === open);
		const next = shown[at + by];
		if (next !== undefined) go(withCell(next.dataset.id ?? null));
	};

	/** Searches a log: marks all matches, and moves to one after another. */
	const findIn = (field: HTMLInputElement, forward: boolean) => {
		const log = field.closest('.log')!;
		const text = find('pre', log).firstChild;
		const output = find<HTMLOutputElement>('output', log);
		const [wanted, content] = [field.value.toLowerCase(), (text?.textContent ?? '').toLowerCase()];
		const ranges: Range[] = [];
		for (
			let at = content.indexOf(wanted);
			wanted !== '' && at !== -1 && ranges.length < 2000;
			at = content.indexOf(wanted, at + wanted.length)
		) {
			const range = new Range();
			range.setStart(text!, at);
			range.setEnd(text!, at + wanted.length);
			ranges.push(range);
		}
		if ('highlights' in CSS) CSS.highlights.set('found', new Highlight(...ranges));
		const current = forward
			? (Number(output.dataset.at ?? 0) % Math.max(ranges.length, 1)) + 1
			: Math.min(1, ranges.length);
		output.dataset.at = String(current);
		output.value = wanted === '' ? '' : ranges.length === 0 ? 'not found' : `${current} of ${ranges.length}`;
		const range = ranges[current - 1];
		if (range === undefined) return;
		if ('highlights' in CSS) CSS.highlights.set('current', new Highlight(range));
		const pre = find<HTMLElement>('pre', log);
		pre.scrollTop += range.getBoundingClientRect().top - pre.getBoundingClientRect().top - pre.clientHeight / 2;
	};

	document.addEventListener('click', event => {
		const target = event.target instanceof Element ? event.target : null;
		const link = target?.closest<HTMLElement>('a, button');
		if (link === null || link === undefined || event.ctrlKey || event.metaKey || event.shiftKey) return;
		if (link.matches('[data-cell]')) go(withCell(new URLSearchParams(link.getAttribute('href')!.slice(1)).get('cell')));
		else if (link.matches('.back')) go(withCell(null));
		else if (link.matches('a.step')) step(Number(link.dataset.step));
		else if (link.matches('.count')) {
			go(new URLSearchParams(link.getAttribute('href')!.slice(1)));
			form.scrollIntoView();
		} else if (link.matches('.copy')) {
			const text = link.previousElementSibling?.textContent ?? '';
			void navigator.clipboard.writeText(text).then(
				() => {
					link.textContent = 'copied';
				},
				() => getSelection()?.selectAllChildren(link.previousElementSibling!),
			);
		} else if (link.matches('.find button')) findIn(find<HTMLInputElement>('input', link.parentElement!), true);
		else return;
		event.preventDefault();
	});
	document.addEventListener('input', event => {
		const field = event.target;
		if (field instanceof HTMLInputElement && field.closest('.find') !== null) findIn(field, false);
	});
	document.addEventListener('keydown', event => {
		const field = event.target;
		if (event.key === 'Escape' && open !== null) go(withCell(null));
		if (event.key !== 'Enter' || !(field instanceof HTMLInputElement)) return;
		if (field.closest('.find') !== null) findIn(field, true);
		if (field.form === form) event.preventDefault();
	});
	form.addEventListener('submit', event => event.preventDefault());
	form.addEventListener('reset', event => {
		event.preventDefault();
		go(new URLSearchParams());
	});
	form.addEventListener('input', event => {
		const fields = new FormData(form);
		const next = new URLSearchParams();
		for (const name of ['q', 'on', 'machine', 'qemu', 'by']) {
			const value = String(fields.get(name) ?? '');
			if (value !== '' && !(name === 'by' && value === 'on')) next.set(name, value);
		}
		if (fields.getAll('status').length > 0) next.set('status', fields.getAll('status').join(','));
		go(next, event.target instanceof HTMLInputElement && event.target.name === 'q');
	});
	window.addEventListener('hashchange', () => void show());
	window.addEventListener('popstate', () => void show());
	void show();
}
