import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { writeFakeSource } from '../testing/fake-source.ts';
import { temporaryFolder, vpmu } from '../testing/vpmu.ts';

const identity = {
	...{ GIT_AUTHOR_NAME: 'A. Pérson', GIT_AUTHOR_EMAIL: 'a.person@example.org', GIT_CONFIG_NOSYSTEM: '1' },
	...{ GIT_COMMITTER_NAME: 'A. Pérson', GIT_COMMITTER_EMAIL: 'a.person@example.org' },
};

/** A review of a mail, with a diff that nobody has tried. */
const reply = (to: string, subject: string) =>
	[
		'From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001',
		...['From: R. Eviewer <r@example.org>', `Subject: Re: ${subject}`, `In-Reply-To: ${to}`, `References: ${to}`],
		...[`Message-ID: <reply-${randomBytes(6).toString('hex')}@example.org>`, ''],
		...['On Monday A. Pérson wrote:', '> +	return 3;', '', 'Would this not be simpler?', ''],
		...['--- a/target/arm/kvm.c', '+++ b/target/arm/kvm.c', '@@ -1,4 +1,4 @@', ' int main(void)', ' {'],
		...['-	return 0;', '+	return nothing;', ' }', '', ''],
	].join('\n');

test('a mailbox of 20 patches with cover letter, blobs, renames and replies: all 20 are applied, and each is built', async t => {
	const folder = await temporaryFolder(t);
	const [source, tree] = ['source', 'tree'].map(name => path.join(folder, name));
	await writeFakeSource(source!, '0');
	await cp(source!, tree!, { recursive: true });
	const git = (...argv: string[]) =>
		execFileSync('git', argv, { cwd: tree, env: { ...process.env, ...identity, HOME: folder }, stdio: 'pipe' });
	git('init', '-q', '-b', 'main');
	git('add', '-A');
	git('commit', '-q', '-m', 'base');
	await mkdir(path.join(tree!, 'tests/data'), { recursive: true });
	for (let at = 1; at <= 20; at++) {
		if (at % 5 === 0) await writeFile(path.join(tree!, `tests/data/blob${at % 10}`), randomBytes(5000));
		else if (at === 7) git('mv', 'pc-bios/meson.build', 'pc-bios/meson.build.in');
		else if (at === 8) git('mv', 'pc-bios/meson.build.in', 'pc-bios/meson.build');
		else await writeFakeSource(tree!, String(at));
		git('add', '-A');
		git('commit', '-q', '-m', `area: step ${at} with ünïcode`);
	}
	git('format-patch', '-q', '--numbered', '--cover-letter', '--thread=shallow', '-v4', `-o${folder}/mails`, 'HEAD~20');
	const names = (await readdir(path.join(folder, 'mails'))).sort();
	const mails = await Promise.all(names.map(name => readFile(path.join(folder, 'mails', name), 'utf8')));
	const box = mails.flatMap((mail, at) => {
		const id = /^Message-ID: (.*)$/im.exec(mail)![1]!;
		return [`${mail}\n`, ...(at % 4 === 1 ? [reply(id, `[PATCH v4 ${at}/20] area: step ${at}`)] : [])];
	});
	const mailbox = path.join(folder, 'thread.mbx');
	await writeFile(mailbox, box.join(''));
	const { status, stdout, stderr } = await vpmu(['series', mailbox, '--source', source!, '--build-only', '--each']);
	t.is(status, 0, stderr);
	t.regex(stdout, /^series: .*\(v4\), 20 patches\n/);
	t.is(stdout.match(/is a reply, so its diff is not part of the series/g)?.length, 5);
	t.is(stdout.match(/^patch \d+ 'area: step \d+ with ünïcode': builds$/gm)?.length, 20);
	// The last number that a patch writes is 19; a reply's would not compile: mov w0, #19; ret.
	const program = /^after: +(.*)$/m.exec(stdout)![1]!;
	t.true((await readFile(program)).includes(Buffer.from('60028052c0035fd6', 'hex')));
});

test('a patch to firmware sources below roms/ is applied, which other series leave packed', async t => {
	const folder = await temporaryFolder(t);
	const [source, tree] = ['source', 'tree'].map(name => path.join(folder, name));
	await writeFakeSource(source!, '0');
	await mkdir(path.join(source!, 'roms'));
	await writeFile(path.join(source!, 'roms/Makefile'), 'SUBDIRS = seabios\n');
	await cp(source!, tree!, { recursive: true });
	const git = (...argv: string[]) =>
		execFileSync('git', argv, { cwd: tree, env: { ...process.env, ...identity, HOME: folder }, stdio: 'pipe' });
	git('init', '-q', '-b', 'main');
	git('add', '-A');
	git('commit', '-q', '-m', 'base');
	await writeFile(path.join(tree!, 'roms/Makefile'), 'SUBDIRS = seabios opensbi\n');
	await writeFakeSource(tree!, '21');
	git('commit', '-q', '-a', '-m', 'roms: build opensbi too');
	const patch = path.join(folder, 'roms.patch');
	await writeFile(patch, git('format-patch', '--stdout', '-1'));
	const { status, stdout, stderr } = await vpmu(['series', patch, '--source', source!, '--build-only']);
	t.is(status, 0, stderr);
	// mov w0, #21; ret.
	const program = /^after: +(.*)$/m.exec(stdout)![1]!;
	t.true((await readFile(program)).includes(Buffer.from('a0028052c0035fd6', 'hex')));
});
