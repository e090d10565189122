import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path, { delimiter } from 'node:path';
import type { ExecutionContext } from 'ava';
import { findMirrors } from '../../src/image/debian/sources.ts';
import { unless } from '../../src/lib/testing/unless.ts';
import { temporaryFolder, userEnvironment } from '../testing/vpmu.ts';

/*
 * Other distributions, simulated in a mount namespace: this machine with exactly the files that they lack hidden, and with their
 * /etc/apt and /etc/os-release. A user installs vpmu there from a clone, and runs a guest.
 */

const root = path.resolve(import.meta.dirname, '../..');
const withNamespaces = unless(
	spawnSync('unshare', ['-rm', 'true']).status === 0 ? undefined : 'no user namespaces here',
	{ serial: true },
);

interface Machine {
	readonly name: string;
	/** Programs that it lacks, as a pattern of sh(1). */
	readonly lacks: string;
	/** Its source of packages for apt; absent if it has no apt. */
	readonly sources?: string;
	readonly osRelease: string;
}

const machines: readonly Machine[] = [
	{
		...{ name: 'Fedora', lacks: 'apt*|dpkg*|gpg*|sqv|xz*|unxz|lz*|zstd*|unzstd|ar|*-ar' },
		osRelease: 'NAME="Fedora Linux"\nID=fedora\nVERSION_ID=43\n',
	},
	{
		...{ name: 'Ubuntu', lacks: 'none' },
		sources:
			'Types: deb\nURIs: http://ports.ubuntu.com/ubuntu-ports/\nSuites: noble noble-updates\nComponents: main universe\n',
		osRelease: 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n',
	},
];

/** Hides what a machine lacks, then becomes the command that it is given. */
const enter = `set -e
work=$1 lacks=$2; shift 2
mkdir "$work/real" "$work/bin" "$work/none"
mount --bind /usr/bin "$work/real"
for file in /usr/bin/*; do
	name=\${file##*/}
	eval "case \\$name in $lacks) continue ;; esac"
	# A link such as npm's is relative to this folder.
	if [ -L "$file" ]; then cp -P "$file" "$work/bin/$name"; else ln -s "$work/real/$name" "$work/bin/$name"; fi
done
mount --bind "$work/bin" /usr/bin
mount --bind "$work/apt" /etc/apt
mount --bind "$work/none" /usr/share/keyrings
[ ! -e /var/lib/dpkg ] || mount --bind "$work/none" /var/lib/dpkg
[ ! -e /etc/os-release ] || mount --bind "$work/os-release" /etc/os-release
exec "$@"
`;

/** A machine, and what runs on it. */
async function start(t: ExecutionContext, { lacks, sources, osRelease }: Machine) {
	const work = await temporaryFolder(t);
	mkdirSync(path.join(work, 'apt/sources.list.d'), { recursive: true });
	if (sources !== undefined) writeFileSync(path.join(work, 'apt/sources.list.d/own.sources'), sources);
	writeFileSync(path.join(work, 'os-release'), osRelease);
	const clone = path.join(work, 'vpmu');
	t.is(spawnSync('git', ['clone', '-q', root, clone]).status, 0);
	let count = 0;
	const run = async (argv: readonly string[], env: NodeJS.ProcessEnv = {}) => {
		// Each command makes the machine again, in a folder of its own.
		const place = path.join(work, String(count++));
		mkdirSync(place);
		for (const name of ['apt', 'os-release']) {
			spawnSync('cp', ['-r', path.join(work, name), place]);
		}
		const { PATH = '' } = process.env;
		const child = spawn(
			'unshare',
			['-rm', '--propagation', 'private', 'sh', '-c', enter, 'enter', place, lacks, ...argv],
			{
				...{ cwd: clone, stdio: ['ignore', 'pipe', 'pipe'] },
				env: {
					...{ ...userEnvironment(), VPMU_CACHE: path.join(work, 'cache'), VPMU_STATE: path.join(work, 'state') },
					// Not the programs of the checkout that tests.
					PATH: PATH.split(delimiter)
						.filter(folder => !folder.includes('node_modules'))
						.join(delimiter),
					...env,
				},
			},
		);
		const timer = setTimeout(() => child.kill('SIGKILL'), 1_800_000);
		const [stdout, stderr, [status]] = await Promise.all([
			Array.fromAsync(child.stdout),
			Array.fromAsync(child.stderr),
			once(child, 'close') as Promise<[number | null]>,
		]);
		clearTimeout(timer);
		return { status, text: Buffer.concat([...stdout, ...stderr]).toString() };
	};
	return { work, clone, run };
}

for (const machine of machines) {
	withNamespaces(`a clone runs a guest on a simulated ${machine.name}`, async t => {
		t.timeout(3_600_000);
		const { work, clone, run } = await start(t, machine);
		const seen = await run(['sh', '-c', 'command -v apt-get dpkg-deb gpgv xz; cat /etc/os-release']);
		t.is(/apt-get|dpkg|gpgv|xz/.test(seen.text), machine.sources !== undefined, seen.text);

		const installed = await run(['npm', 'ci', '--prefer-offline']);
		t.is(installed.status, 0, installed.text);

		const lost = await run(['node', 'harness/bin.mjs', 'doctor']);
		t.is(lost.status, 69, lost.text);
		t.regex(lost.text, /missing {2}Debian packages cannot be fetched .*: no source in .* names the Debian archive/);
		t.regex(lost.text, /-> VPMU_DEBIAN_MIRROR=https:.*VPMU_DEBIAN_KEYRING=FILE/);
		const failed = await run(['npm', 'start', '--', 'pmu/tcg-counts']);
		t.is(failed.status, 69, failed.text);

		const { main } = await findMirrors(process.env);
		const keys = path.join(work, 'keys.gpg');
		copyFileSync(path.join(root, 'images/keys/debian-archive-keyring.gpg'), keys);
		const variables = { VPMU_DEBIAN_MIRROR: main.uri, VPMU_DEBIAN_KEYRING: keys };
		const well = await run(['node', 'harness/bin.mjs', 'doctor'], variables);
		t.is(well.status, 0, well.text);
		t.regex(well.text, /ok {7}Debian packages from \S+ \(VPMU_DEBIAN_MIRROR\)/);
		const ran = await run(['npm', 'start', '--', 'pmu/tcg-counts', '--out', 'run'], variables);
		t.is(ran.status, 0, ran.text);
		const results = JSON.parse(readFileSync(path.join(clone, 'run/results.json'), 'utf8'));
		t.like(results.summary, { pass: 1, fail: 0, error: 0 });
		t.is(existsSync(path.join(work, 'cache/packages/own')), machine.sources === undefined);
		t.log(ran.text);
	});
}
