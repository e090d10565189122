/** The progress of a long step, or a one-time notice for the user. */
export type Progress =
	| {
			/** The step, worded to begin a line: `Downloading 41 packages of trixie (arm64)`. */
			readonly what: string;
			readonly done: number;
			/** `null` when the total is unknown. */
			readonly total: number | null;
			readonly unit: 'bytes' | 'packages' | 'files' | 'steps' | 'percent';
	  }
	| { readonly notice: string };

export type OnProgress = (progress: Progress) => void;
