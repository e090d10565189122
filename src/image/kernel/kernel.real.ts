import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import test from 'ava';
import { dir } from 'tmp-promise';
import { localHost } from '../../host/local.ts';
import { startMachine } from '../../qemu/machine/start.ts';
import { realGuest } from '../../qemu/testing/real.ts';
import { debianKernel, type Kernel, openCache } from '../index.ts';
import { kernelFromFile } from './kernel.ts';

/** Boots our guest on a kernel and returns the release that it reports. */
async function releaseSeenInside(kernel: Kernel): Promise<string> {
	await using host = localHost();
	await using machine = await startMachine(host, { ...(await realGuest()), kernel: kernel.image });
	await machine.shell.ready({ timeoutMs: 240_000 });
	const { stdout } = await machine.shell.run('uname -r; perf stat -x, -e task-clock true 2>&1 | cut -d, -f3', {
		timeoutMs: 120_000,
	});
	const [release, event] = stdout.toString().split('\n');
	return event === 'task-clock' ? release! : `${release}, where perf says ${event}`;
}

for (const [suite, release] of [
	['bookworm', /^6\.1\./],
	['trixie', /^6\.12\./],
	['sid', /^7\./],
] as const) {
	test.serial(`the kernel of Debian ${suite} boots and perf runs on it`, async t => {
		const notices: string[] = [];
		const cache = await openCache({ onProgress: progress => 'notice' in progress && notices.push(progress.notice) });
		const kernel = await debianKernel(cache, suite);
		for (const notice of notices) t.log(notice);
		t.regex(kernel.release, release);
		t.is(await releaseSeenInside(kernel), kernel.release);
	});
}

test.serial("a user's kernel boots in each form, since all contain one Image", async t => {
	const cache = await openCache();
	const { image, hash, release } = await debianKernel(cache, 'trixie');
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const bytes = await readFile(image);
	const forms: Readonly<Record<string, Buffer>> = {
		Image: bytes,
		'Image.gz': gzipSync(bytes, { level: 1 }),
		'Image.zst': zstdCompressSync(bytes),
		'vmlinuz.efi-gzip': zboot('gzip', gzipSync(bytes, { level: 1 })),
		// The unpacked size follows every stream except gzip, which contains it.
		'vmlinuz.efi-zstd': zboot('zstd22', Buffer.concat([zstdCompressSync(bytes), sizeOf(bytes)])),
	};
	let booted: Kernel | undefined;
	for (const [name, content] of Object.entries(forms)) {
		const file = path.join(folder, name);
		await writeFile(file, content);
		booted = await kernelFromFile(cache, file);
		t.is(booted.hash, hash, name);
		t.is(booted.release, release, name);
		t.is(booted.label, file);
	}
	t.is(await releaseSeenInside(booted!), release);
});

function sizeOf(bytes: Buffer): Buffer {
	const size = Buffer.alloc(4);
	size.writeUInt32LE(bytes.length);
	return size;
}

/** Builds an EFI zboot image, laid out as in drivers/firmware/efi/libstub/zboot-header.S, without the unpacking program. */
function zboot(compression: string, payload: Buffer): Buffer {
	const header = Buffer.alloc(64);
	header.write('MZ', 0, 'latin1');
	header.write('zimg', 4, 'latin1');
	header.writeUInt32LE(header.length, 8);
	header.writeUInt32LE(payload.length, 12);
	header.write(compression, 24, 'latin1');
	return Buffer.concat([header, payload]);
}
