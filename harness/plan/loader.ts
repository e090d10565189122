import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { codeExtension, packageFolder, publicModules } from '../usage/places.ts';

let isRegistered = false;

/**
 * Makes Node load cases from any folder, in this process. `vpmu` and `vpmu/test` resolve to this vpmu, even if none is
 * installed there. TypeScript files are modules whatever their `package.json` says, also below `node_modules`, where
 * Node would refuse them. Idempotent.
 */
export function registerCaseLoader(): void {
	if (isRegistered) return;
	isRegistered = true;
	registerHooks({
		resolve(specifier, context, next) {
			const own = publicModules[specifier];
			if (own !== undefined) return { url: pathToFileURL(own).href, shortCircuit: true };
			const resolved = next(specifier, context);
			return isTypeScript(resolved.url) ? { ...resolved, format: 'module-typescript' } : resolved;
		},
		load(url, context, next) {
			if (!isTypeScript(url) || !url.includes('/node_modules/')) return next(url, context);
			const source = stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'), { mode: 'strip' });
			return { format: 'module', source, shortCircuit: true };
		},
	});
}

/** The user's TypeScript files; Node loads vpmu's own without help. */
function isTypeScript(url: string): boolean {
	if (!url.startsWith('file:') || !/\.m?ts$/.test(url)) return false;
	return codeExtension !== '.ts' || !fileURLToPath(url).startsWith(packageFolder + path.sep);
}
