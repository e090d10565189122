/** One thing that vpmu needs or can use. */
export interface Finding {
	readonly state: 'ok' | 'missing' | 'note';
	readonly what: string;
	/** The command that provides it, or the consequence if it is missing. */
	readonly remedy?: string;
}
