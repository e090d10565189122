import { checkPackageSource, NotCachedError, openCache } from '../../../src/image/index.ts';
import { LockBusyError, messageOf, VpmuError } from '../../../src/lib/index.ts';
import { defaultCells } from '../../run/request/default-cells.ts';
import { Resources } from '../../run/resources/resources.ts';
import type { CommandContext } from '../../usage/context.ts';
import type { Finding } from './finding.ts';

/** The suite that guests, boards and the default QEMU come from. */
const suite = 'trixie';
const kernel = `debian:${suite}`;

/** What would help, by what the fetching of packages says. The first that fits counts. */
const remedies: readonly (readonly [RegExp, string])[] = [
	[
		/no source in .* names the Debian archive/,
		"VPMU_DEBIAN_MIRROR=https://deb.debian.org/debian; vpmu has Debian's keys, VPMU_DEBIAN_KEYRING=FILE names others",
	],
	[
		/NO_PUBKEY|not signed|no public key|keyring|vouches|Missing key/i,
		"VPMU_DEBIAN_KEYRING=FILE with Debian's archive keys: /usr/share/keyrings/debian-archive-keyring.gpg of a Debian machine",
	],
	[
		/no usable '/,
		"install the named tool; or fill a cache on another machine, and move it with 'vpmu cache export' and 'vpmu cache import'",
	],
	[/'\S+' is not a Debian suite|has no suite/, 'VPMU_DEBIAN_MIRROR=URI of a mirror of the Debian archive'],
	[
		/cannot fetch/,
		"VPMU_DEBIAN_MIRROR=URI of a mirror that this machine reaches (http_proxy and https_proxy apply); or fill a cache elsewhere, and move it with 'vpmu cache export' and 'vpmu cache import'",
	],
];

type Context = Pick<CommandContext, 'env' | 'signal' | 'cwd'>;

/**
 * Finds out whether a run with default options gets its packages, by what it does itself: it takes what the cache has, and
 * for the rest finds the mirror, and reads and verifies its index. So a mirror that does not work is missing if something would
 * be fetched, else only noted.
 */
export async function packageFindings(context: Context): Promise<{ findings: Finding[]; isFilled: boolean }> {
	const { env, signal } = context;
	const lacking = await lackingOf(context);
	if (lacking !== undefined && !(lacking instanceof NotCachedError)) {
		return { findings: [findingOf(lacking, 'Debian packages cannot be used')], isFilled: false };
	}
	const isFilled = lacking === undefined;
	const filled: Finding[] = isFilled ? [{ state: 'ok', what: 'the cache has all packages of a default run' }] : [];
	try {
		const cache = await openCache({ env, signal, wait: false, onProgress: () => undefined });
		const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
		const { mirror, from } = await checkPackageSource(cache, suite, architecture, !isFilled);
		return { findings: [...filled, { state: 'ok', what: `Debian packages from ${mirror} (${from})` }], isFilled };
	} catch (error) {
		if (signal.aborted) throw error;
		const why = isFilled ? '' : ` (${lacking.message})`;
		const finding = findingOf(error, `Debian packages cannot be fetched${why}`);
		const isNote = isFilled || error instanceof LockBusyError;
		return { findings: [...filled, isNote ? { ...finding, state: 'note' } : finding], isFilled };
	}
}

function findingOf(error: unknown, what: string): Finding {
	const evidence = error instanceof VpmuError ? error.evidence : [];
	const told = [messageOf(error), ...evidence].join('\n');
	const remedy = remedies.find(([pattern]) => pattern.test(told))?.[1];
	return { state: 'missing', what: `${what}: ${messageOf(error)}`, ...(remedy === undefined ? {} : { remedy }) };
}

/** Plans a run with default options, and provides what it needs without a network. @returns why that is not possible */
async function lackingOf({ env, signal, cwd }: Context): Promise<Error | undefined> {
	try {
		await using resources = new Resources({
			...{ kernel, boardKernel: kernel, env, signal, offline: true, wait: false },
			onProgress: () => undefined,
		});
		await resources.fill(await defaultCells({ cwd, env }));
		return undefined;
	} catch (error) {
		if (signal.aborted || !(error instanceof VpmuError)) throw error;
		return error;
	}
}
