import { cacheRoot, checkPackageSource, listPins, openCache } from '../../../src/image/index.ts';
import { messageOf, VpmuError } from '../../../src/lib/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import type { Finding } from './finding.ts';

/** The suite that guests, boards and the default QEMU come from. */
const suite = 'trixie';

/** What would help, by what the fetching of packages says. The first that fits counts. */
const remedies: readonly (readonly [RegExp, string])[] = [
	[
		/no source in .* names the Debian archive/,
		'VPMU_DEBIAN_MIRROR=https://deb.debian.org/debian VPMU_DEBIAN_KEYRING=/path/of/debian-archive-keyring.gpg',
	],
	[
		/NO_PUBKEY|not signed|no public key|keyring|Missing key/i,
		"VPMU_DEBIAN_KEYRING=FILE with Debian's archive keys: /usr/share/keyrings/debian-archive-keyring.gpg of a Debian machine",
	],
	[
		/no usable '/,
		'run vpmu on Debian or Ubuntu, or in a container of them; other systems need a cache that was filled there',
	],
	[/'\S+' is not a Debian suite|has no suite/, 'VPMU_DEBIAN_MIRROR=URI of a mirror of the Debian archive'],
];

/**
 * Finds out whether packages can be fetched, by what `run` itself does before it chooses packages: the mirror is found, and the
 * signed index is read and verified (or was, within the last day). With packages chosen earlier, `run` needs none of it.
 */
export async function packageFinding({ env, signal }: Pick<CommandContext, 'env' | 'signal'>): Promise<Finding> {
	try {
		const cache = await openCache({ env, signal, wait: false, onProgress: () => undefined });
		const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
		const { mirror, from } = await checkPackageSource(cache, suite, architecture);
		return { state: 'ok', what: `Debian packages from ${mirror} (${from})` };
	} catch (error) {
		if (signal.aborted) throw error;
		const evidence = error instanceof VpmuError ? error.evidence : [];
		const told = [messageOf(error), ...evidence].join('\n');
		const remedy = remedies.find(([pattern]) => pattern.test(told))?.[1];
		const hasPackages = (await listPins(cacheRoot(env)).catch(() => [])).length > 0;
		return {
			state: hasPackages ? 'note' : 'missing',
			what: `Debian packages cannot be fetched: ${messageOf(error)}${hasPackages ? '; only those in the cache can be used' : ''}`,
			...(remedy === undefined ? {} : { remedy }),
		};
	}
}
