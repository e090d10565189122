/** The public interface of this folder. Everything else is internal. */

export { type Bounds, HeadAndTail, logBounds, omissionText } from './bounds.ts';
export { counted } from './counted.ts';
export { DeadlineError, formatDuration, poll, type WaitOptions, within } from './deadline.ts';
export { type EitherSignal, eitherSignal } from './either-signal.ts';
export { type Blame, blames, firstCause, messageOf, systemFault, UsageError, VpmuError } from './errors.ts';
export { contention, contentionOf, FairClock, type FairClockOptions, Silence } from './fair-clock.ts';
export { FileSink } from './file-sink.ts';
export { lastLinesOf, shorten, visible } from './foreign.ts';
export { readGiven } from './given-file.ts';
export { type JsonObject, type JsonValue, parseJson, type StringifyOptions, stringifyJson } from './json.ts';
export { LockBusyError, type LockHolder } from './lock.ts';
export { type MachineVersion, machineVersion } from './machine-type.ts';
export { makeFolder, makeFolderSync } from './make-folder.ts';
export { quoteCommand, quoteWord } from './quote.ts';
export { ControlSequence, rendered, type ScreenText, screen } from './screen.ts';
export { checkJson, readStored, readStoredSync, type Shape, type Stored } from './stored.ts';
export { drainInto, foreignLinesOf, harmless, linesOf, listen } from './streams.ts';
export { temporaryRoot } from './temporary-root.ts';
export { entriesBelow } from './walk.ts';
export { syncFile, writeWhole, writeWholeSync } from './whole-file.ts';
