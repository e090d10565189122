import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { parse } from 'yaml';
import { main } from '../../main.ts';

// The parser of GitHub's runner imports JSON files without import attributes, as bundlers allow.
registerHooks({
	resolve: (specifier, context, next) =>
		specifier.endsWith('.json')
			? next(specifier, { ...context, importAttributes: { type: 'json' } })
			: next(specifier, context),
	load: (url, context, next) =>
		next(url, url.endsWith('.json') ? { ...context, importAttributes: { type: 'json' } } : context),
});

const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
test.after.always(() => rmSync(folder, { recursive: true }));

async function jobs(engine: string, ...argv: string[]): Promise<{ status: number; stderr: string }> {
	const [stdout, stderr] = [new PassThrough().resume(), new PassThrough()];
	const status = await main(['jobs', engine, ...argv], {
		...{ stdin: new PassThrough(), stdout, stderr, cwd: folder, signal: new AbortController().signal },
		env: { ...process.env, VPMU_CACHE: path.join(folder, 'cache') },
	});
	return { status, stderr: String(stderr.read() ?? '') };
}

const two = ['--machine', 'virt,virt-9.2', '--shards', '2', '--host', 'kvm,uniform', '--host', 'little=kvm,biglittle'];
const text = (...names: string[]) => readFileSync(path.join(folder, ...names), 'utf8');

test.serial('a plan is frozen for each kind of host, for hosts with KVM locally, whatever machine plans', async t => {
	t.is((await jobs('gitlab', 'pmu/default-counts', ...two, '--out', 'plans')).status, 0);
	for (const name of ['kvm-uniform', 'little']) {
		const plan = JSON.parse(text('plans', `plan-${name}.json`));
		t.like(plan, { schema: 'vpmu-plan/1', count: 2 });
		for (const cell of plan.cells) t.like(cell, { skip: null, id: cell.id.replace(/\[[^,]*/, '[local') });
	}
});

test.serial('an unknown case is told with the command that it was given to', async t => {
	const { status, stderr } = await jobs('gitlab', 'pmu/default-count');
	t.is(status, 2);
	t.regex(stderr, /unknown case 'pmu\/default-count' of 'vpmu jobs gitlab'/);
});

test.serial("GitLab's pipeline has one user of a host, and neither 69 nor 75 is told as a failure", async t => {
	t.is(
		(await jobs('gitlab', 'pmu/tcg-counts', ...two, '--setup', 'npm ci', '--parent-job', 'plan', '--out', 'gl')).status,
		0,
	);
	const pipeline = parse(text('gl', 'gitlab-ci.yml'));
	t.deepEqual(Object.keys(pipeline), [
		'stages',
		'kvm-uniform 1/2',
		'kvm-uniform 2/2',
		'kvm-uniform merge',
		'little 1/2',
		'little 2/2',
		'little merge',
	]);
	t.like(pipeline['little 2/2'], {
		...{ tags: ['kvm', 'biglittle'], resource_group: 'vpmu-little-2', before_script: ['npm ci'] },
		allow_failure: { exit_codes: [69, 75] },
		needs: [{ pipeline: '$PARENT_PIPELINE_ID', job: 'plan', artifacts: true }],
	});
	t.is(pipeline['kvm-uniform merge'].when, 'always');
});

test.serial("GitHub's own parser finds no fault in a workflow", async t => {
	t.is(
		(
			await jobs(
				'github',
				...['pmu/tcg-counts', ...two, '--setup', 'npm ci', '--nightly', '17 2 * * *', '--out', 'gh'],
				...['--post', 'gh issue create --title vpmu --body-file "$VPMU_NEWS"'],
				...['--tree', 'qemu', '--build', 'make -C qemu/build', '--built', 'qemu', '--all'],
			)
		).status,
		0,
	);
	const { NoOperationTraceWriter, parseWorkflow, convertWorkflowTemplate } = await import('@actions/workflow-parser');
	const check = async (content: string) => {
		const { context, value } = parseWorkflow({ name: 'w.yml', content }, new NoOperationTraceWriter());
		if (value === undefined) return context.errors.getErrors().map(String);
		const template = await convertWorkflowTemplate(context, value);
		return [...context.errors.getErrors(), ...(template.errors ?? [])].map(one => JSON.stringify(one));
	};
	const workflow = text('gh', 'github-workflow.yml');
	t.deepEqual(await check(workflow), []);
	for (const [from, to] of [
		['needs:', 'need:'],
		['runs-on:', 'run-on:'],
		['matrix.shard', 'matrx.shard'],
		['needs.build.outputs', 'need.build.outputs'],
		['17 2 * * *', '77 2 * * *'],
	] as const) {
		t.not((await check(workflow.replace(from, to))).length, 0, `a wrong workflow is found: ${to}`);
	}
	t.regex(
		workflow,
		/npx vpmu plan pmu\/tcg-counts --on local --machine virt,virt-9\.2 --all --shards 2 --out gh\/plan-little\.json\n/,
	);
	t.regex(workflow, / --out vpmu-parts\/little-\$SHARD --label "commit=\$COMMIT" \|\|/);
	for (const job of Object.values(parse(workflow).jobs) as { steps: { run?: string }[] }[]) {
		for (const { run } of job.steps) if (run !== undefined) execFileSync('bash', ['-n', '-c', run]);
	}
});

test.serial("LAVA's job brings its plan with it, and raises what is no verdict", async t => {
	t.is((await jobs('lava', 'pmu/tcg-counts', ...two, '--publish', 'rsync $VPMU_RUN lab:', '--out', 'lava')).status, 0);
	const job = parse(text('lava', 'little-2.yaml'));
	t.like(job, { tags: ['kvm', 'biglittle'], device_type: 'ssh', job_name: 'vpmu little 2/2' });
	const { steps } = job.actions[2].test.definitions[0].repository.run as { steps: string[] };
	const packed = /<<'END'\n([\s\S]*)END/.exec(steps.join('\n'))![1]!;
	t.deepEqual(
		JSON.parse(String(gunzipSync(Buffer.from(packed, 'base64')))),
		JSON.parse(text('lava', 'plan-little.json')),
	);
	t.true(steps.includes('status=$(cat vpmu-parts/little-2.status)'), 'jobs in one folder do not share files');
	writeFileSync(path.join(folder, 'lava-test-raise'), '#!/bin/sh\necho raised "$@"\nexit 1\n', { mode: 0o755 });
	/** Runs the steps as LAVA does, with a fake vpmu and rsync. Returns what was raised. */
	const raised = (fakeVpmu: string, setup = ':') => {
		const work = mkdtempSync(path.join(folder, 'device-'));
		const fakes = [`fake_vpmu() { ${fakeVpmu}; }`, 'rsync() { :; }', setup];
		writeFileSync(path.join(work, 'run.sh'), [...fakes, ...steps].join('\n').replaceAll('npx vpmu', 'fake_vpmu'));
		const { stdout } = spawnSync('bash', ['-e', 'run.sh'], {
			...{ cwd: work, encoding: 'utf8', env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } },
		});
		const lines = stdout.split('\n').filter(line => line.startsWith('raised'));
		return lines.join();
	};
	for (const status of [0, 1]) t.is(raised(`return ${status}`), '');
	for (const status of [69, 75, 130, 2]) {
		t.is(raised(`return ${status}`), `raised vpmu little 2/2: no verdict, exit status ${status}`);
	}
	const ended = 'raised vpmu little 2/2: no verdict, a step ended with exit status';
	t.is(raised('return 69', 'rsync() { return 23; }'), 'raised vpmu little 2/2: no verdict, exit status 69');
	t.is(raised('mkdir vpmu-parts/little-2', 'rsync() { return 23; }'), `${ended} 23`, 'a run that is not published');
	t.is(raised('rm -r vpmu-parts'), `${ended} 1`, 'a part whose status is lost');
	t.is(raised('return 0', 'base64() { return 3; }'), `${ended} 3`);
});

test.serial("Slurm's jobs are exclusive, and the merge comes after any end", async t => {
	t.is((await jobs('slurm', 'pmu/tcg-counts', ...two, '--sbatch=--partition=arm', '--out', 'slurm')).status, 0);
	const parts = text('slurm', 'little.sbatch');
	for (const line of [
		'--array=1-2',
		'--constraint=kvm&biglittle',
		'--exclusive',
		'--gres=pmu:1',
		'--requeue',
		'--partition=arm',
	]) {
		t.true(parts.includes(`#SBATCH ${line}\n`), line);
	}
	t.true(parts.indexOf('set -eu') > parts.lastIndexOf('#SBATCH'), 'options come before the first command');
	t.regex(text('slurm', 'submit.sh'), /--dependency="afterany:/);
	for (const name of readdirSync(path.join(folder, 'slurm')).filter(one => !one.endsWith('.json'))) {
		execFileSync('bash', ['-n', path.join(folder, 'slurm', name)]);
	}
});

/** The last lines of every engine's nightly run. */
const nightly = ['--night', '--tree', 'qemu', '--build', 'make -C qemu/build', '--post', 'mail lab < "$VPMU_MAIL"'];

test.serial(
	'a night is one script, whatever the engine; each calls it after the parts and keeps what it leaves',
	async t => {
		const scripts = new Map<string, string>();
		for (const engine of ['gitlab', 'github', 'slurm', 'lava']) {
			const publish = engine === 'lava' ? ['--publish', 'rsync "$VPMU_RUN" lab:', '--published', '/srv/parts'] : [];
			const built = engine === 'github' ? ['--built', 'qemu'] : [];
			const argv = ['pmu/tcg-counts', ...two, ...nightly, ...publish, ...built, '--out', 'night'];
			const { status, stderr } = await jobs(engine, ...argv);
			t.is(status, 0, stderr);
			const script = text('night', 'night-little.sh');
			execFileSync('sh', ['-n', path.join(folder, 'night/night-little.sh')]);
			scripts.set(engine, script);
		}
		t.is(scripts.get('gitlab'), scripts.get('github'));
		t.is(scripts.get('gitlab'), scripts.get('slurm'));
		t.regex(scripts.get('gitlab')!, /--tree qemu --build 'make -C qemu\/build' --on local --machine virt,virt-9\.2/);
		// LAVA's device is elsewhere: new failures run again as a job.
		const [before = '', after = ''] = scripts.get('gitlab')!.split('\tjudge\n');
		t.true(scripts.get('lava')!.startsWith(`${before}\tjudge --later\n`) && scripts.get('lava')!.endsWith(after));

		const pipeline = parse(text('night', 'gitlab-ci.yml'));
		t.like(pipeline['little merge'], {
			...{ tags: ['kvm', 'biglittle'], resource_group: 'vpmu-little-merge' },
			cache: { key: 'vpmu-state-little', paths: ['vpmu-state'], when: 'always' },
			script: [
				'status=0',
				'sh night/night-little.sh vpmu-parts/little-1 vpmu-parts/little-2 || status=$?',
				'exit $status',
			],
		});
		t.deepEqual(pipeline['little merge'].artifacts.paths, ['vpmu-run/little', 'vpmu-night/little']);
		t.regex(
			text('night', 'little-merge.sbatch'),
			/--constraint=kvm&biglittle\n#SBATCH --exclusive\n#SBATCH --gres=pmu:1\n/,
		);
		const workflow = parse(text('night', 'github-workflow.yml'));
		const merge = workflow.jobs['merge-2-little'];
		t.like(merge, {
			'runs-on': ['self-hosted', 'kvm', 'biglittle'],
			permissions: { contents: 'read', issues: 'write' },
		});
		const used = merge.steps.map((step: { uses?: string }) => step.uses?.replace(/@.*/, '') ?? 'run');
		t.true(used.indexOf('actions/cache/restore') < used.lastIndexOf('run'));
		t.true(used.indexOf('actions/cache/save') > used.lastIndexOf('run'));
		for (const file of ['submit.sh', 'night-little.sh']) execFileSync('sh', ['-n', path.join(folder, 'night', file)]);
		t.regex(
			text('night', 'submit.sh'),
			/\nsh night\/night-little\.sh \/srv\/parts\/little-1 \/srv\/parts\/little-2 \|\| status=/,
		);
	},
);

test.serial('the script of a night posts what is new, and what cannot be merged, and exits as the run', async t => {
	await jobs('slurm', 'pmu/tcg-counts', '--vpmu', './fake-vpmu', ...nightly, '--out', 'posts');
	/** Runs the script with a vpmu whose merge and judgement end so, and a mail program that ends so. */
	const ended = (merge: number, judged: number, { merged = true, isNew = true, mail = 0 } = {}) => {
		const work = mkdtempSync(path.join(folder, 'night-'));
		const fake = `#!/bin/sh
[ "$1" = merge ] || { ${isNew ? 'echo new | tee vpmu-night/any/new.txt > vpmu-night/any/new.md;' : ''} exit ${judged}; }
${merged ? 'mkdir -p vpmu-run/any; echo > vpmu-run/any/results.json' : ''}
exit ${merge}
`;
		writeFileSync(path.join(work, 'fake-vpmu'), fake, { mode: 0o755 });
		writeFileSync(path.join(work, 'mail'), `#!/bin/sh\necho "posted $1: $(cat)"\nexit ${mail}\n`, { mode: 0o755 });
		const { status, stdout } = spawnSync('sh', ['../posts/night-any.sh', 'part'], {
			...{ cwd: work, encoding: 'utf8', env: { ...process.env, PATH: `${work}:${process.env.PATH}` } },
		});
		return [status, stdout.trim()];
	};
	t.deepEqual(ended(0, 0, { isNew: false }), [0, '']);
	t.deepEqual(ended(1, 1), [1, 'posted lab: new']);
	t.deepEqual(ended(1, 0), [0, 'posted lab: new'], 'the failed cell passed when it was run again');
	t.deepEqual(ended(0, 0, { mail: 1 }), [69, 'posted lab: new']);
	t.deepEqual(ended(1, 1, { mail: 1 }), [1, 'posted lab: new']);
	const unjudged = 'posted lab: any: the run cannot be judged (exit status 2)';
	t.deepEqual(ended(0, 2, { isNew: false }), [2, unjudged], 'a history that cannot be used');
	const lost = 'posted lab: any: no verdict: the parts cannot be merged (exit status 2)';
	t.deepEqual(ended(2, 0, { merged: false }), [2, lost]);
});

for (const [engine, argv, message] of [
	['github', ['--night', '--tree', 'a', '--build', 'make'], /'--build LINE' and '--built PATH' .* need each other/],
	['github', ['--nightly', 'x'], /^vpmu: 'x' of option '--nightly' is not a line of cron; allowed: minute, hour,/],
	['slurm', ['--post', 'mail'], /^vpmu: option '--post' needs '--night'/],
	['slurm', ['--night', '--build', 'make'], /^vpmu: option '--build' needs '--tree DIR'/],
	['lava', ['--night'], /^vpmu: option '--night' needs '--publish LINE'/],
	['lava', ['--published', 'parts'], /^vpmu: option '--published' needs '--night'/],
] as const) {
	test.serial(`refused: jobs ${engine} ${argv.join(' ')}`, async t => {
		const { status, stderr } = await jobs(engine, 'pmu/tcg-counts', ...argv);
		t.is(status, 2);
		t.regex(stderr, message);
	});
}

for (const [argv, message] of [
	[['--host', 'kvm uniform'], /^vpmu: 'kvm uniform' of option '--host' does not name hosts; allowed: \[NAME=\]TAG/],
	[['--host', '..'], /^vpmu: '\.\.' of option '--host'/],
	[['--host', '$(reboot)'], /of option '--host'/],
	[['--host', 'a', '--host', 'a=b'], /the name 'a' is taken/],
	[['--on', 'auto'], /^vpmu: 'auto' of option '--on' is not allowed here/],
	[['--shards', '7', 'pmu/tcg-counts'], /'7' of option '--shards' leaves parts empty/],
] as const) {
	test.serial(`refused: ${argv.join(' ')}`, async t => {
		const { status, stderr } = await jobs('gitlab', ...argv);
		t.is(status, 2);
		t.regex(stderr, message);
	});
}
