import { readFile } from 'node:fs/promises';
import { VpmuError } from '../../lib/errors.ts';
import { runTool } from '../cache/tool.ts';

/**
 * Whom foreign code runs as where vpmu is root: an id that owns nothing. It is below the ids that systemd gives out and above
 * those of accounts (Debian Policy 9.2.2).
 */
export const sandboxId = 60_646;

/** Whether this process has to give up root before it makes a sandbox. */
export const isRoot = (): boolean => process.getuid?.() === 0;

/** Words that make the following command run as {@link sandboxId}, without capabilities and unable to gain any. */
export const withoutPrivileges = [
	...['setpriv', `--reuid=${sandboxId}`, `--regid=${sandboxId}`, '--clear-groups'],
	...['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all'],
];

/** Why this machine allows no sandbox, and what to do. */
export interface SandboxRefusal {
	readonly reason: string;
	readonly remedy: string;
}

/** Asks the kernel for what a sandbox is made of; nothing is fetched. @returns undefined where a sandbox can be made */
export async function sandboxRefusal(signal?: AbortSignal): Promise<SandboxRefusal | undefined> {
	const namespaces = [
		'unshare',
		'--user',
		'--mount',
		'--pid',
		'--ipc',
		'--uts',
		'--net',
		'--fork',
		'--mount-proc',
		'true',
	];
	const attempts: (readonly [string, readonly string[]])[] = isRoot()
		? [
				['a mount namespace', ['unshare', '--mount', '--propagation', 'private', 'true']],
				['user namespaces', [...withoutPrivileges, ...namespaces]],
			]
		: [['user namespaces', namespaces]];
	if ((await setting('user/max_user_namespaces')) === '0') {
		return { reason: 'this machine forbids user namespaces (user.max_user_namespaces is 0)', remedy: await remedy() };
	}
	if (isRoot() && !isMapped(await readFile('/proc/self/uid_map', 'utf8').catch(() => ''), sandboxId)) {
		return {
			reason: `root is the only user in this user namespace: there is no user ${sandboxId} to switch to`,
			remedy: 'run vpmu as a plain user, or in a namespace with 65536 users',
		};
	}
	for (const [what, argv] of attempts) {
		const { status, stderr } = await runTool(argv, { signal });
		if (status === 0) continue;
		return {
			reason: `this machine forbids ${what}: ${stderr.trim().split('\n')[0] ?? 'no message'}`,
			remedy: await remedy(),
		};
	}
	return undefined;
}

const setting = async (name: string) => (await readFile(`/proc/sys/${name}`, 'utf8').catch(() => '')).trim();

/** Whether an id exists in a user namespace, by its map (user_namespaces(7)): first id inside, outside, length. */
export function isMapped(map: string, id: number): boolean {
	return map.split('\n').some(line => {
		const [inside = Number.NaN, , length = 0] = line.trim().split(/\s+/).map(Number);
		return id >= inside && id < inside + length;
	});
}

async function remedy(): Promise<string> {
	if ((await setting('user/max_user_namespaces')) === '0') return 'sysctl user.max_user_namespaces=10000, as root';
	if ((await setting('kernel/unprivileged_userns_clone')) === '0')
		return 'sysctl kernel.unprivileged_userns_clone=1, as root';
	if ((await setting('kernel/apparmor_restrict_unprivileged_userns')) === '1') {
		return 'sysctl kernel.apparmor_restrict_unprivileged_userns=0, as root, or an AppArmor profile that allows userns';
	}
	return "in a container, start it with a seccomp profile that allows unshare and mount, such as Docker's '--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined --cap-add SYS_ADMIN'";
}

/** @throws VpmuError (blame `host`) with the remedy, where no sandbox can be made */
export async function requireSandbox(signal?: AbortSignal): Promise<void> {
	const refusal = await sandboxRefusal(signal);
	if (refusal === undefined) return;
	throw new VpmuError(
		`foreign code is only built in a sandbox, and ${refusal.reason}; to allow it: ${refusal.remedy}`,
		{ blame: 'host' },
	);
}
