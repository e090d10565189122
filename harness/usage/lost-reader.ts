import { Socket } from 'node:net';
import { harmless } from '../../src/lib/index.ts';
import type { RawOutput } from './output.ts';

/**
 * Makes an output survive the loss of its reader: a closed pipe, a full disk, a closed terminal. Output after the first
 * error is dropped, so that what was kept has no hole.
 *
 * @param onLoss called once with the error
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

/**
 * Detects that the older Node which started this one (launch.mjs) is gone, even if killed: it holds the other end of a
 * pipe.
 */
export function watchStarter(onGone: () => void): void {
	const descriptor = process.env.VPMU_LIFELINE;
	delete process.env.VPMU_LIFELINE;
	if (descriptor === undefined) return;
	const pipe = harmless(new Socket({ fd: Number(descriptor) }));
	pipe.once('close', onGone).resume().unref();
}
