import fc from 'fast-check';
import { htmlFrom, markdownFrom, type ReportDocument, textOf } from '../document/index.ts';

/** Text that would act, if a report let it. */
export const hostile = fc.oneof(
	fc.constantFrom(
		...[
			'<script>alert(1)</script>',
			']]>',
			'</pre></details><h1>',
			'" onload="x',
			"' onclick='x",
			'&lt;b&gt;',
			'<!-- x',
		],
		...[
			'\u001b[31mred',
			'\u009b2J',
			'a\u0000b',
			'line\nline\r\nline\u2028line',
			'\u202eevil\u2066',
			'\ufeff\u200b',
			'\ud800',
		],
		...[
			'[a](javascript:x)',
			'![a](http://x/)',
			'<http://x/>',
			'| a | b |',
			'`` ` ``',
			'# title',
			'- item',
			'1. item',
			'---',
		],
		...[
			'@everyone',
			'::error::x',
			'%0A::error::x',
			"it's",
			'$(reboot)',
			'`reboot`',
			'\\',
			'~~~',
			'***bold***',
			'\u{1f600}漢字',
		],
	),
	fc.string({ unit: 'binary', maxLength: 40 }),
);

const isUnseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const tags =
	/<(?:!DOCTYPE html|\/?(?:html|head|meta|title|style|body|main|h1|h2|p|pre|ul|li|strong|div|details|summary|code|table|thead|tbody|tr|th|td)(?: (?:lang|charset|name|content|http-equiv|class|scope)="[^"<>]*")*)>/g;

/** Combining marks take no column. */
const columnsOf = (text: string) => [...text.replaceAll(/\p{M}/gu, '')].length;

/** Whether a line is too long only by its last word, which would fit beside no label. */
function endsInLongWord(line: string, width: number): boolean {
	const word = columnsOf(line.slice(line.lastIndexOf(' ') + 1));
	return columnsOf(line) - word <= width && width / 3 < word && word <= 400;
}

/** What acts in any format of a document, the first of it; undefined if nothing does. */
export function actsInDocument(document: ReportDocument): string | undefined {
	for (const width of [72, 100]) {
		for (const line of textOf(document, width).split('\n')) {
			if (isUnseen.test(line)) return `text: ${JSON.stringify(line)}`;
			// What is to be copied stays whole: Tested-by, the words of a command, and a long word at the end of a line.
			const isWhole = /^Tested-by: |^ {4}(\$| {2})/.test(line) || endsInLongWord(line, width);
			if (columnsOf(line) > width && !isWhole) return `wide: ${line}`;
		}
	}
	const html = htmlFrom(document);
	const rest = html
		.replaceAll(/<a href="(?:\.\/|file:\/\/\/)[^"<>]*">|<\/a>/g, '')
		.replaceAll(tags, '')
		.replaceAll(/<style>[^<]*<\/style>/g, '');
	if (rest.includes('<') || isUnseen.test(html.replaceAll('\n', ''))) return `HTML: ${html}`;
	const markdown = markdownFrom(document);
	const unfenced = markdown.replaceAll(/^ {2}(`{3,})text\n(?: {2}.*\n)*? {2}\1$/gm, '');
	const unlinked = unfenced.replaceAll(/\]\(<(?:\.\/|file:\/\/\/)[^<>\\\n]*>\)/g, ']');
	const prose = unlinked.replaceAll(/(`+)(?!`)(.*?[^`])\1(?!`)/g, '').replaceAll(/^ {4}.*$/gm, '');
	if (/<(?!br>)/.test(prose) || isUnseen.test(markdown.replaceAll('\n', ''))) return `Markdown: ${markdown}`;
	return undefined;
}
