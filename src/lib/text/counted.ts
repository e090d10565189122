/** Returns a count with its noun: `1 cell`, `2 cells`; `2 patches` with the plural given. */
export const counted = (count: number, noun: string, plural = `${noun}s`) => `${count} ${count === 1 ? noun : plural}`;
