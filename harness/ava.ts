/**
 * AVA configuration for a project with cases of its own: `export { default } from 'vpmu/ava'` in `ava.config.mjs` makes
 * `npx ava cases/mine/x.ts` run a case without `vpmu run`.
 */
export default {
	files: ['cases/**/*.{ts,mts,js,mjs}'],
	// By import: a case file awaits the run that it belongs to, which require() refuses.
	extensions: { ts: 'module', mts: 'module', js: true, mjs: true },
	// Each file is a run of its own.
	concurrency: 1,
	workerThreads: false,
	// A case that is named runs, also under GitLab's `parallel:` and its like.
	utilizeParallelBuilds: false,
	timeout: '4h',
	nodeArguments: [
		'--disable-warning=ExperimentalWarning',
		`--import=${new URL(import.meta.url.endsWith('.ts') ? './worker/register.ts' : './worker/register.js', import.meta.url)}`,
	],
};
