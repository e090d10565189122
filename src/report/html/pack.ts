import { gzipSync } from 'node:zlib';

/** Packs a text for a data block of a page: gzip in base64, which the page unpacks with DecompressionStream. */
export function packed(text: string): string {
	return gzipSync(text, { level: 6 }).toString('base64');
}
