import { spawnSync } from 'node:child_process';

/** Who runs this, `NAME <ADDRESS>` as git knows them, for `Tested-by:`; undefined if git does not. */
export function testerOf(env: Readonly<Record<string, string | undefined>>): string | undefined {
	const ask = (key: string, own: string | undefined) => {
		if (own !== undefined && own !== '') return own;
		const { status, stdout } = spawnSync('git', ['config', '--get', key], { env, encoding: 'utf8', timeout: 10_000 });
		return status === 0 && stdout.trim() !== '' ? stdout.trim() : undefined;
	};
	const name = ask('user.name', env.GIT_AUTHOR_NAME);
	const address = ask('user.email', env.GIT_AUTHOR_EMAIL);
	return name === undefined || address === undefined ? undefined : `${name} <${address}>`;
}
