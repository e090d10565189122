/** How far a long step is, or something that the user should know once. */
export type Progress =
	| {
			/** The step, in words that can begin a line: `Downloading 41 packages of trixie (arm64)`. */
			readonly what: string;
			readonly done: number;
			/** `null` when the end is not known. */
			readonly total: number | null;
			readonly unit: 'bytes' | 'packages' | 'files' | 'steps' | 'percent';
	  }
	| { readonly notice: string };

export type OnProgress = (progress: Progress) => void;
