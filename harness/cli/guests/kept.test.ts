import { PassThrough } from 'node:stream';
import test from 'ava';
import { temporaryFolder } from '../../../test/testing/vpmu.ts';
import { main } from '../../main.ts';

for (const action of ['console', 'end']) {
	test(`kept ${action}: where no guest is kept, a name is refused with what keeps one`, async t => {
		const folder = await temporaryFolder(t);
		const stderr = new PassThrough();
		const status = await main(['kept', action, 'nosuch'], {
			...{ stdin: new PassThrough(), stdout: new PassThrough(), stderr, cwd: folder },
			env: { ...process.env, VPMU_CACHE: folder, VPMU_STATE: folder, XDG_RUNTIME_DIR: folder, TMPDIR: folder },
			signal: new AbortController().signal,
		});
		t.is(status, 2);
		t.is(String(stderr.read()), "vpmu: no guest is kept: 'vpmu run --keep' leaves one\n");
	});
}
