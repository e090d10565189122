/**
 * Makes docs/run.svg for README.md: runs the command on a terminal and draws what the terminal shows. `npm run picture`
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import xterm from '@xterm/headless';

const [columns, rows] = [136, 200];
const command = ['vpmu', 'run', 'pmu/default-counts', 'pmu/biglittle-stays', 'pmu/biglittle-moved'];
const root = path.resolve(import.meta.dirname, '../..');

const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
// script(1) gives the command a terminal of its own.
const inside = `stty cols ${columns} rows ${rows}; exec node harness/bin.mjs ${command.slice(1).join(' ')}`;
const child = spawn('script', ['--quiet', '--return', '--flush', '--command', inside, '/dev/null'], {
	...{ cwd: root, env: { ...process.env, TERM: 'xterm-256color' }, stdio: ['ignore', 'pipe', 'inherit'] },
});
child.stdout!.on('data', (bytes: Buffer) => terminal.write(bytes));
const status = await new Promise(resolve => child.once('close', resolve));
if (status !== 0) throw new Error(`'${command.join(' ')}' ended with status ${status}`);
await new Promise<void>(resolve => terminal.write('', resolve));

/** Colours of the terminal by number; the picture has its own background, so they suit light and dark pages. */
const palette: Readonly<Record<number, string>> = { 1: '#ff7b72', 2: '#56d364', 3: '#e3b341', 5: '#d2a8ff' };
const [ground, ink, faint] = ['#0d1117', '#e6edf3', '#8b949e'];
const [width, height, size, margin] = [8.43, 19, 14, 16];
const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

const lines: string[] = [`<tspan fill="${faint}">$</tspan> npx ${command.join(' ')}`, ''];
const buffer = terminal.buffer.active;
for (let at = 0; at < buffer.length; at++) {
	const line = buffer.getLine(at)!;
	let text = '';
	for (let column = 0; column < columns; ) {
		const cell = line.getCell(column)!;
		const look = (one: typeof cell) =>
			one.isDim() ? faint : one.isFgPalette() ? (palette[one.getFgColor()] ?? ink) : ink;
		const colour = look(cell);
		let run = '';
		for (; column < columns && look(line.getCell(column)!) === colour; column++)
			run += line.getCell(column)!.getChars() || ' ';
		text += colour === ink ? escaped(run) : `<tspan fill="${colour}">${escaped(run)}</tspan>`;
	}
	lines.push(text.trimEnd());
}
while (lines.at(-1) === '') lines.pop();
const drawn = lines.map(
	(text, at) => `<text x="${margin}" y="${margin + (at + 1) * height - 5}" xml:space="preserve">${text}</text>`,
);
const box = { w: Math.round(columns * width + 2 * margin), h: lines.length * height + 2 * margin };
writeFileSync(
	path.join(root, 'docs/run.svg'),
	[
		`<svg xmlns="http://www.w3.org/2000/svg" width="${box.w}" height="${box.h}" viewBox="0 0 ${box.w} ${box.h}" role="img" aria-label="Output of ${command.join(' ')}">`,
		`<rect width="100%" height="100%" rx="8" fill="${ground}"/>`,
		`<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="${size}" fill="${ink}">`,
		...drawn,
		'</g>',
		'</svg>',
		'',
	].join('\n'),
);
terminal.dispose();
