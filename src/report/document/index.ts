/** Reports in parts that text, mail, Markdown and HTML show alike. */
export type { Block, Link, ListItem, ReportDocument } from './blocks.ts';
export { oneLine } from './blocks.ts';
export { htmlFrom, htmlText } from './html.ts';
export { markdownCode, markdownFrom, markdownText } from './markdown.ts';
export { commandLines, textOf } from './text.ts';
