import type { FileSet } from '../elf/closure.ts';
import { type StubSymbol, writeStubLibrary } from '../elf/stub.ts';
import { type DynamicSymbol, dynamicSymbols } from '../elf/symbols.ts';
import type { RecipeStub } from './recipe.ts';

/**
 * Makes a stub of a library with only the symbols that the image's programs and libraries import from the real one.
 *
 * @param kept the programs and libraries that are not changed
 * @param real the library that the stub replaces
 */
export async function makeStub(
	files: FileSet,
	kept: readonly string[],
	soname: string,
	real: string,
	stub: RecipeStub,
): Promise<Buffer> {
	const key = (symbol: DynamicSymbol) => `${symbol.name}@${symbol.version ?? ''}`;
	const offered = new Map<string, DynamicSymbol>();
	for (const symbol of await symbolsOf(files, real)) if (symbol.defined) offered.set(key(symbol), symbol);
	const wanted = new Map<string, DynamicSymbol>();
	const elsewhere = new Set<string>();
	for (const file of kept) {
		for (const symbol of await symbolsOf(files, file)) {
			if (symbol.defined) elsewhere.add(key(symbol));
			// A weak import may stay undefined: a program with a weak import checks it before use.
			else if (!symbol.weak && offered.has(key(symbol))) wanted.set(key(symbol), offered.get(key(symbol))!);
		}
	}
	const symbols = [...wanted]
		.filter(([name]) => !elsewhere.has(name))
		.map(([, symbol]): StubSymbol => {
			const as =
				symbol.kind === 'object' ? symbol.sizeBytes : stub.zero?.includes(symbol.name) === true ? 'zero' : 'refuse';
			return { name: symbol.name, version: symbol.version, as };
		});
	return writeStubLibrary(soname, symbols, `vpmu leaves out ${soname}: ${stub.feature}\n`);
}

async function symbolsOf(files: FileSet, file: string): Promise<DynamicSymbol[]> {
	const bytes = await files.read(file);
	return bytes === undefined ? [] : dynamicSymbols(bytes);
}
