import { Socket } from 'node:net';
import { harmless } from '../../src/lib/index.ts';
import type { RawOutput } from './output.ts';

/**
 * Lets an output lose its reader: a pipe that nobody reads, a full disk, a terminal that was closed. What is written after
 * the first error is dropped, so that there is no hole in what was kept; nothing else changes.
 *
 * @param onLoss told of the error, once
 */
export function outliveReader(stream: RawOutput, onLoss: (error: NodeJS.ErrnoException) => void): void {
	let isLost = false;
	stream.on('error', (error: NodeJS.ErrnoException) => {
		if (isLost) return;
		isLost = true;
		stream.write = (...given: unknown[]): boolean => {
			const done = given.at(-1);
			if (typeof done === 'function') process.nextTick(done);
			return true;
		};
		onLoss(error);
	});
}

/** Tells when an older Node that started this one (launch.mjs) is gone: it holds the other end of a pipe, and may be killed. */
export function watchStarter(onGone: () => void): void {
	const descriptor = process.env.VPMU_LIFELINE;
	delete process.env.VPMU_LIFELINE;
	if (descriptor === undefined) return;
	const pipe = harmless(new Socket({ fd: Number(descriptor) }));
	pipe.once('close', onGone).resume().unref();
}
