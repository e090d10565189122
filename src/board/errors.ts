import { VpmuError } from '../lib/errors.ts';

/** A board that could not be started, or was lost. `evidence` ends with the last lines of its console. */
export class BoardError extends VpmuError {
	override readonly name = 'BoardError';
	readonly board: string;

	constructor(message: string, options: { board: string; evidence?: readonly string[]; cause?: unknown }) {
		super(message, {
			blame: 'board',
			...(options.evidence === undefined ? {} : { evidence: options.evidence }),
			...(options.cause === undefined ? {} : { cause: options.cause }),
		});
		this.board = options.board;
	}
}
