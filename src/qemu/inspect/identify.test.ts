import test from 'ava';
import { QemuError } from '../errors.ts';
import { plainHost } from '../testing/hosts.ts';
import { identifyQemu, parseVersion } from './identify.ts';

test('versions are parsed in the forms that QEMUs print', t => {
	t.deepEqual(parseVersion('QEMU emulator version 10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)\nCopyright (c) …\n'), {
		version: '10.0.13',
		package: 'Debian 1:10.0.13+ds-0+deb13u1',
		text: 'QEMU emulator version 10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)',
	});
	t.like(parseVersion('QEMU emulator version 10.2.2\n'), { version: '10.2.2', package: '' });
	t.like(parseVersion('QEMU emulator version 11.0.50 (v11.0.0-12-gabc)\n'), { version: '11.0.50' });
	t.is(parseVersion('busybox v1.35\n'), undefined);
	t.is(parseVersion(''), undefined);
});

test('a program that is not QEMU, one that fails, one that is not there', async t => {
	const host = plainHost();
	const asks = async (command: string[]) => await t.throwsAsync(identifyQemu(host, command), { instanceOf: QemuError });
	t.regex((await asks(['sh', '-c', 'echo hello']))!.message, /on local is not QEMU: it says 'hello' to --version$/);
	t.regex((await asks(['sh', '-c', 'echo bad >&2; exit 2']))!.message, /ended with status 2 .*: bad$/);
	t.like(await identifyQemu(host, ['sh', '-c', 'echo "QEMU emulator version 9.9.9"']), { version: '9.9.9' });
});
