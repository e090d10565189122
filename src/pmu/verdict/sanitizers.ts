/** A report's first line; the runtime of GCC and LLVM prints the same (sanitizer_common, ubsan_diag.cpp). */
const first = [
	/^=+\d+=+ ?(?:ERROR|WARNING): (\w+Sanitizer: .*)/,
	/^([^\s:]{1,300}:\d{1,7}:\d{1,5}: runtime error: .*)/,
];
/** What ends a report; of a long one this may be all that was kept. */
const summary = /^SUMMARY: (\w+Sanitizer: .*)/;
/** A frame of a stack: `#1 0xaaaa in name file:line`. The allocator's own say nothing. */
const frame = /^\s+#\d{1,3} 0x[0-9a-f]{1,16} in (\w{1,200})/;
const allocators =
	/^(__interceptor_|___interceptor_|_*asan|_*lsan)?(malloc|calloc|realloc|aligned_alloc|posix_memalign|memalign|strdup|operator)|^_*v?asprintf|^g_|^qemu_(mem|v?alloc)/;

/**
 * Finds the reports of sanitizers in lines that a QEMU built with them wrote to stderr: each as its first line, with the first
 * functions of QEMU's own that it names.
 */
export function sanitizerReports(stderr: readonly string[]): string[] {
	const reports: { text: string; frames: string[] }[] = [];
	for (const line of stderr) {
		const text = first.map(pattern => pattern.exec(line)?.[1]).find(Boolean);
		if (text !== undefined) reports.push({ text, frames: [] });
		const end = summary.exec(line)?.[1];
		if (end !== undefined && reports.length === 0) reports.push({ text: end, frames: [] });
		const name = frame.exec(line)?.[1];
		const last = reports.at(-1);
		if (name !== undefined && last !== undefined && last.frames.length < 3 && !allocators.test(name)) {
			last.frames.push(name);
		}
	}
	return reports.map(({ text, frames }) => (frames.length === 0 ? text : `${text} (in ${frames.join(', from ')})`));
}
