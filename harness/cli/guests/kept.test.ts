import { PassThrough } from 'node:stream';
import test from 'ava';
import { temporaryFolder } from '../../../test/testing/vpmu.ts';
import { main } from '../../main.ts';
import { kept } from './commands.ts';

for (const action of ['console', 'end']) {
	test(`kept ${action}: without a detached guest, a name is refused with what leaves one`, async t => {
		const folder = await temporaryFolder(t);
		const stderr = new PassThrough();
		const status = await main(['kept', action, 'nosuch'], {
			...{ stdin: new PassThrough(), stdout: new PassThrough(), stderr, cwd: folder },
			env: { ...process.env, VPMU_CACHE: folder, VPMU_STATE: folder, XDG_RUNTIME_DIR: folder, TMPDIR: folder },
			signal: new AbortController().signal,
		});
		t.is(status, 2);
		t.is(String(stderr.read()), "vpmu: there is no detached guest: 'vpmu run --keep' leaves one\n");
	});
}

test('the help speaks of detached guests, as the glossary does', async t => {
	for (const { summary } of Object.values(kept.actions)) t.notRegex(summary, /kept/);
	t.regex(kept.actions.end!.summary, /detached guest/);
});
