import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { codeExtension, packageFolder, publicModules } from '../usage/places.ts';

let isRegistered = false;

/**
 * Lets Node load cases from wherever they are, in this process. `vpmu` and `vpmu/test` are this very vpmu, also for a folder
 * that has none installed. TypeScript is a module whatever its project's `package.json` says, also below a folder that is
 * called `node_modules`, where Node would refuse it. Idempotent.
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

/** The user's TypeScript: not vpmu's own, which Node loads as it is. */
function isTypeScript(url: string): boolean {
	if (!url.startsWith('file:') || !/\.m?ts$/.test(url)) return false;
	return codeExtension !== '.ts' || !fileURLToPath(url).startsWith(packageFolder + path.sep);
}
