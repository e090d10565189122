import { filesReaders } from './files.ts';
import { guestReaders } from './guest.ts';
import { hostReaders } from './host.ts';
import { qemuReaders } from './qemu.ts';
import type { Reader } from './text.ts';

/** Every reader of foreign text. */
export const readers: Readonly<Record<string, Reader>> = {
	...guestReaders,
	...qemuReaders,
	...hostReaders,
	...filesReaders,
};
