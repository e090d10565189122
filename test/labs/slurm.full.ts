import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { readHistory } from '../../src/history/index.ts';
import { debianPackage, openCache } from '../../src/image/index.ts';
import { unless, unlessRoot } from '../../src/lib/testing/unless.ts';
import type { Results } from '../../src/run/index.ts';
import { temporaryFolder, userEnvironment, vpmu } from '../testing/vpmu.ts';

const bin = path.resolve(import.meta.dirname, '../../harness/bin.mjs');

/** Slurm, munge, and the libraries that a small Debian 12 lacks. */
const packages = [
	...['slurmctld', 'slurmd', 'slurm-client', 'slurm-wlm-basic-plugins', 'munge', 'libmunge2', 'libhwloc15', 'libpmix2'],
	...['libevent-core-2.1-7', 'libevent-pthreads-2.1-7', 'libdbus-1-3'],
];

/** Unpacks Slurm below a folder, as if it were installed there; nothing is installed on this machine. */
async function unpackSlurm(root: string): Promise<void> {
	const cache = await openCache({ env: process.env, onProgress: () => undefined });
	for (const name of packages) {
		const { folder } = await debianPackage(cache, { suite: 'bookworm', architecture: 'amd64', name });
		cpSync(path.join(folder, 'usr'), path.join(root, 'usr'), { recursive: true, verbatimSymlinks: true });
	}
	// What the packages' scripts would do (update-alternatives).
	for (const name of ['slurmctld', 'slurmd', 'slurmstepd']) {
		symlinkSync(`${name}-wlm`, path.join(root, 'usr/sbin', name));
	}
	symlinkSync('slurm-wlm', path.join(root, 'usr/lib/x86_64-linux-gnu/slurm'));
}

const node = (name: string, port: number) =>
	`NodeName=${name} NodeHostname=${hostname().split('.')[0]} NodeAddr=127.0.0.1 Port=${port} CPUs=2 Gres=pmu:1 Feature=amd,lab State=UNKNOWN`;

/** A cluster of two nodes on this machine, without accounting, control groups and users of its own. */
const configuration = (folder: string) => `ClusterName=lab
SlurmctldHost=${hostname().split('.')[0]}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=${folder}/munge.socket
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool-%n
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/%n.pid
SlurmctldPort=16817
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
GresTypes=pmu
RequeueExit=75
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
${node('n1', 17001)}
${node('n2', 17002)}
PartitionName=lab Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
`;

/** Starts the cluster in namespaces of its own, submits what was generated, and waits for the job after the merge. */
const script = `set -eu
mount -t overlay overlay -o lowerdir=$1/root/usr:/usr /usr
mkdir -p $1/state
head -c 1024 /dev/urandom > $1/munge.key
chmod 600 $1/munge.key
munged --force --key-file=$1/munge.key --socket=$1/munge.socket --pid-file=$1/munged.pid --log-file=$1/munged.log --seed-file=$1/munged.seed
export SLURM_CONF=$1/slurm.conf
slurmctld -D > $1/slurmctld.log 2>&1 &
for one in n1 n2; do slurmd -D -N $one > $1/$one.log 2>&1 & done
until [ "$(sinfo --noheader --states=idle --format=%D 2> /dev/null)" = 2 ]; do sleep 0.2; done
sbatch --constraint=nowhere --wrap=true 2>&1 || true
merge=$(sh vpmu-jobs/submit.sh | tail -n 1)
srun --quiet --dependency=afterany:\${merge%%;*} true
`;

unless(unlessRoot)(
	'a bare Slurm with two nodes runs both parts of a night with real guests, merges them and remembers the night',
	async t => {
		const folder = await temporaryFolder(t);
		const work = path.join(folder, 'work');
		mkdirSync(work);
		await unpackSlurm(path.join(folder, 'root'));
		writeFileSync(path.join(folder, 'slurm.conf'), configuration(folder));
		writeFileSync(path.join(folder, 'gres.conf'), 'NodeName=n1 Name=pmu Count=1\nNodeName=n2 Name=pmu Count=1\n');
		const made = await vpmu([
			...['jobs', 'slurm', 'pmu/tcg-counts', '--machine', 'virt,virt-9.2', '--accel', 'tcg', '--on', 'local'],
			...['--host', 'amd,lab', '--shards', '2', '--vpmu', `${process.execPath} ${bin}`, '--setup', `cd ${work}`],
			...['--out', path.join(work, 'vpmu-jobs'), '--night', '--label', 'commit=1234abcd'],
		]);
		t.is(made.status, 0, made.stderr);
		const { status, stdout, stderr } = spawnSync(
			'unshare',
			['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'bash', '-c', script, 'bash', folder],
			// Where the night is remembered is the script's choice.
			{ cwd: work, encoding: 'utf8', timeout: 600_000, env: { ...userEnvironment(), VPMU_STATE: undefined } },
		);
		t.is(status, 0, `${stdout}${stderr}`);
		t.regex(stdout, /feature/i, 'hosts that there are not are refused at submission');
		const [first] = readHistory({ folder: path.join(work, 'vpmu-state'), onNote: note => t.fail(note) });
		t.is(first?.run.revision, '1234abcd');
		t.deepEqual(readdirSync(path.join(work, 'vpmu-night/amd-lab')), [], 'nothing is new');
		const run = path.join(work, 'vpmu-run/amd-lab');
		const results = JSON.parse(readFileSync(path.join(run, 'results.json'), 'utf8')) as Results;
		t.deepEqual(
			results.cells.map(cell => [cell.status, cell.part]),
			[
				['pass', 1],
				['pass', 2],
			],
		);
		t.deepEqual(
			results.run.parts?.map(({ runner }) => [runner?.engine, runner?.task, /^n[12]$/.test(runner?.runner ?? '')]),
			[
				['slurm', '1', true],
				['slurm', '2', true],
			],
		);
	},
);
