/** The library's only door. What is not here is not public. */
export { DeadlineError, formatDuration, poll, type WaitOptions, within } from './lib/deadline.ts';
export { type Blame, messageOf, UsageError, VpmuError } from './lib/errors.ts';
export { quoteCommand, quoteWord } from './lib/quote.ts';
