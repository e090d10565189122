import { gunzipSync } from 'node:zlib';

/** Unpacks the pages of the cells from an HTML report. */
export function pagesOf(html: string): string[] {
	const blocks = html.matchAll(/<script type="text\/plain" id="page-\d+">([^<]*)<\/script>/g);
	return [...blocks].map(([, packed]) => gunzipSync(Buffer.from(packed!, 'base64')).toString('utf8'));
}
