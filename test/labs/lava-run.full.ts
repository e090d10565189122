import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { openOwnArchive } from '../../src/image/debian/own/archive.ts';
import { openCache } from '../../src/image/index.ts';
import { unless, unlessRoot } from '../../src/lib/testing/unless.ts';
import type { Results } from '../../src/run/index.ts';
import { temporaryFolder, vpmu } from '../testing/vpmu.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** LAVA's dispatcher, and the system that its device is: both are one folder here. */
const packages = [
	...[
		'lava-dispatcher',
		'openssh-server',
		'openssh-client',
		'bash',
		'dash',
		'coreutils',
		'util-linux',
		'grep',
		'sed',
		'mawk',
	],
	...['findutils', 'libstdc++6', 'hostname', 'procps', 'gzip'],
];

/** Makes a system of packages that vpmu itself fetches, chooses and unpacks; nothing is installed on this machine. */
async function makeSystem(system: string, work: string): Promise<void> {
	const cache = await openCache();
	const archive = await (await openOwnArchive(cache, 'trixie-backports', 'amd64')).update(false);
	const set = await archive.resolve(packages);
	for (const folder of ['bin', 'sbin', 'lib', 'lib64']) {
		mkdirSync(path.join(system, 'usr', folder), { recursive: true });
		symlinkSync(`usr/${folder}`, path.join(system, folder));
	}
	const debs = path.join(work, 'debs');
	await archive.download(set, debs);
	for (const { file } of set) {
		const files = path.join(debs, 'files');
		await archive.unpack(path.join(debs, file), files);
		const join = 'tar -C "$1" -c . | tar -C "$2" -x --keep-directory-symlink';
		const { status, stderr } = spawnSync('sh', ['-c', join, 'join', files, system], { encoding: 'utf8' });
		if (status !== 0) throw new Error(`${file}: ${stderr}`);
		await rm(files, { recursive: true });
	}
	// What the packages' scripts would do.
	const write = (name: string, text: string) => {
		mkdirSync(path.dirname(path.join(system, name)), { recursive: true });
		writeFileSync(path.join(system, name), text);
	};
	write('etc/passwd', 'root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n');
	write('etc/group', 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n');
	write('etc/hosts', '127.0.0.1 localhost\n');
	write('run/sshd/empty', '');
	const certificates =
		'mkdir -p "$1/etc/ssl/certs" && cat "$1"/usr/share/ca-certificates/mozilla/*.crt > "$1/etc/ssl/certs/ca-certificates.crt"';
	spawnSync('sh', ['-c', certificates, 'certificates', system]);
}

/** A device of type `ssh`, as a server would describe it. */
const deviceOf = (work: string) => ({
	commands: {},
	available_architectures: ['amd64'],
	actions: {
		deploy: {
			connections: { serial: null, ssh: null },
			methods: {
				ssh: {
					options: ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=FATAL'],
					...{ host: '127.0.0.1', port: 2299, user: 'root', identity_file: `${work}/key` },
				},
			},
		},
		boot: { connections: { serial: null, ssh: null }, methods: { ssh: null } },
	},
	character_delays: { boot: 0, test: 0 },
	constants: {
		...{ failure_retry: 1, boot_retry: 1, deploy_retry: 1, 'kernel-start-message': '', 'default-shell-prompt': '# ' },
		posix: {
			lava_test_sh_cmd: '/bin/sh',
			lava_test_results_dir: '/lava-%s',
			lava_test_shell_file: '~/.bashrc',
		},
	},
	timeouts: { actions: {}, connections: {} },
});

/** Starts the device's sshd in namespaces of its own, where port 2299 is free, and runs one job. */
const script = `set -e
system=$1 work=$2 job=$3; shift 3
mount --make-rprivate /
ip link set lo up
for folder in "$work" "$@"; do mkdir -p "$system$folder"; mount --rbind "$folder" "$system$folder"; done
mkdir -p "$system/proc" "$system/dev" "$system/sys" "$system/tmp" "$system/root/.ssh"
mount -t proc proc "$system/proc"
mount --rbind /dev "$system/dev"
mount --rbind /sys "$system/sys"
cp "$work/key.pub" "$system/root/.ssh/authorized_keys"
chroot "$system" /usr/sbin/sshd -f /dev/null -h "$work/host-key" -p 2299 -o ListenAddress=127.0.0.1 -o UsePAM=no \\
	-o StrictModes=no -o PermitRootLogin=yes -o "Subsystem=sftp internal-sftp" -E "$work/sshd.log"
exec chroot "$system" env -i PATH=/usr/sbin:/usr/bin HOME=/root lava-run --job-id 7 --output-dir "$work/out" \\
	--device "$work/device.yaml" --dispatcher "$work/dispatcher.yaml" "$job"
`;

/** Runs a job with lava-run. @returns its exit status, and LAVA's results by test case */
async function lavaRun(t: ExecutionContext, system: string, work: string, job: string) {
	const cache = await openCache();
	const folders = [root, cache.root, path.dirname(process.execPath)];
	const unshare = ['--mount', '--net', '--pid', '--fork', '--kill-child'];
	const child = spawn('unshare', [...unshare, 'sh', '-c', script, 'lava', system, work, job, ...folders], {
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	const timer = setTimeout(() => child.kill('SIGKILL'), 900_000);
	const [stdout, stderr, [status]] = await Promise.all([
		Array.fromAsync(child.stdout),
		Array.fromAsync(child.stderr),
		once(child, 'close') as Promise<[number | null]>,
	]);
	clearTimeout(timer);
	const text = Buffer.concat([...stdout, ...stderr]).toString();
	const results = Object.fromEntries(
		[...text.matchAll(/"definition": "([^"]+)".*?"case": "([^"]+)".*?"result": "(\w+)"/g)].map(
			([, definition, name, result]) => [`${definition} ${name}`, result],
		),
	);
	t.log(`${path.basename(job)}: lava-run ended with ${status}`, results);
	return { status, text, results };
}

unless(unlessRoot ?? (process.arch === 'x64' ? undefined : `LAVA's packages are for x86-64`))(
	'lava-run runs both parts with real guests, they are merged, and a broken machine or step is no failure of a case',
	async t => {
		t.timeout(3_600_000);
		const work = await temporaryFolder(t);
		const system = path.join(work, 'system');
		await makeSystem(system, work);
		for (const name of ['key', 'host-key']) {
			spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(work, name)]);
		}
		writeFileSync(path.join(work, 'device.yaml'), stringify(deviceOf(work)));
		writeFileSync(path.join(work, 'dispatcher.yaml'), 'dispatcher_ip: 127.0.0.1\n');
		const cache = await openCache();
		const setup = ['--setup', `export VPMU_CACHE=${cache.root}`, '--setup', `cd ${work}`];
		const made = await vpmu([
			...['jobs', 'lava', 'pmu/tcg-counts', '--machine', 'virt,virt-9.2', '--shards', '2', '--on', 'local'],
			...[...setup, '--vpmu', `${process.execPath} ${root}/harness/bin.mjs`, '--out', path.join(work, 'jobs')],
		]);
		t.is(made.status, 0, made.stderr);

		const told: Record<string, string | undefined> = {};
		for (const index of [1, 2]) {
			const { status, text, results } = await lavaRun(t, system, work, path.join(work, `jobs/any-${index}.yaml`));
			t.is(status, 0, text.slice(-3000));
			t.is(results['lava job'], 'pass');
			Object.assign(told, results);
		}
		const parts = [1, 2].map(index => path.join(work, `vpmu-parts/any-${index}`));
		const merged = await vpmu(['merge', ...parts, '--out', path.join(work, 'whole')]);
		t.is(merged.status, 0, merged.stderr);
		const whole: Results = JSON.parse(readFileSync(path.join(work, 'whole/results.json'), 'utf8'));
		t.like(whole.summary, { pass: 2, fail: 0, error: 0 });
		for (const { id, status } of whole.cells) t.is(told[`0_vpmu ${id}`], status, `LAVA was told of ${id}`);

		const job = readFileSync(path.join(work, 'jobs/any-1.yaml'), 'utf8');
		for (const [from, to, said] of [
			[`VPMU_CACHE=${cache.root}`, 'VPMU_CACHE=/proc/none', /no verdict, exit status 69/],
			[`cd ${work}`, 'cd /none', /no verdict, a step ended with exit status 1/],
		] as const) {
			const broken = path.join(work, 'jobs/broken.yaml');
			writeFileSync(broken, job.replace(from, to));
			const { status, text, results } = await lavaRun(t, system, work, broken);
			t.is(status, 1, text.slice(-3000));
			t.is(results['lava job'], 'fail');
			t.regex(text, said);
			t.false(
				Object.keys(results).some(name => name.includes('pmu/tcg-counts')),
				'no case is said to have failed',
			);
		}
	},
);
