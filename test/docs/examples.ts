import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type CodeBlock, codeBlocks, documents, readDocument, root } from './extract.ts';

/** A document's example as a file. */
export interface Example extends CodeBlock {
	readonly file: string;
	/** Whether it needs only this machine, so that a test can run it. */
	readonly runs: boolean;
}

const sources = { 'vpmu/qmp': 'src/qmp/index.ts', 'vpmu/test': 'harness/test.ts', vpmu: 'src/index.ts' };

/** Writes all TypeScript examples into a folder, each as a file that imports this checkout. */
export function writeExamples(folder: string): Example[] {
	const blocks = documents.flatMap(document => codeBlocks(document, readDocument(document)));
	writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
	const options = { extends: path.join(root, 'tsconfig.json') };
	const typeRoots = [path.join(root, 'node_modules', '@types')];
	const paths = Object.fromEntries(Object.entries(sources).map(([name, file]) => [name, [path.join(root, file)]]));
	writeFileSync(
		path.join(folder, 'tsconfig.json'),
		JSON.stringify({
			...options,
			compilerOptions: {
				typeRoots,
				paths,
				noUnusedLocals: false,
				noUnusedParameters: false,
				rewriteRelativeImportExtensions: false,
			},
			include: ['*.ts'],
		}),
	);
	return blocks
		.filter(block => /^ts\b/.test(block.language))
		.map(block => {
			const file = path.join(folder, `${block.document.replaceAll(/\W/g, '-')}-${block.line}.ts`);
			writeFileSync(file, `${forCheckout(block.text)}\nexport {};\n`);
			return { ...block, file, runs: /\brun\b/.test(block.language) };
		});
}

/** Rewrites an example's imports of the package to this checkout. */
function forCheckout(text: string): string {
	return text
		.replaceAll(/from '(vpmu(?:\/\w+)?)'/g, (whole, name: string) => {
			const source = sources[name as keyof typeof sources];
			return source === undefined ? whole : `from '${path.join(root, source)}'`;
		})
		.replaceAll(/from '(?:\.\.\/)+harness\/test\.ts'/g, `from '${path.join(root, 'harness/test.ts')}'`);
}

/** Returns the compiler's messages about the examples in a folder; `''` if there are none. */
export async function typeErrors(folder: string): Promise<string> {
	const compiler = spawn(path.join(root, 'node_modules/.bin/tsc'), ['-p', folder], {
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	const said = await Promise.all([compiler.stdout, compiler.stderr].map(stream => Array.fromAsync(stream)));
	return Buffer.concat(said.flat() as Buffer[])
		.toString()
		.trim();
}
