/** The public interface of this folder. Everything else is internal. */

export { type Blame, blames, firstCause, messageOf, systemFault, UsageError, VpmuError } from './errors.ts';
export { FileSink } from './files/file-sink.ts';
export { readGiven } from './files/given-file.ts';
export { LockBusyError, type LockHolder } from './files/lock.ts';
export { makeFolder, makeFolderSync } from './files/make-folder.ts';
export { checkJson, readStored, readStoredSync, type Shape, type Stored } from './files/stored.ts';
export { temporaryRoot } from './files/temporary-root.ts';
export { entriesBelow } from './files/walk.ts';
export { syncFile, writeWhole, writeWholeSync } from './files/whole-file.ts';
export { type MachineVersion, machineVersion } from './machine-type.ts';
export { isSshTarget } from './ssh-target.ts';
export { type Bounds, HeadAndTail, logBounds, omissionText } from './text/bounds.ts';
export { counted } from './text/counted.ts';
export { lastLinesOf, shorten, visible } from './text/foreign.ts';
export { type JsonObject, type JsonValue, parseJson, type StringifyOptions, stringifyJson } from './text/json.ts';
export { quoteCommand, quoteWord } from './text/quote.ts';
export { ControlSequence, rendered, type ScreenText, screen } from './text/screen.ts';
export { drainInto, foreignLinesOf, harmless, linesOf, listen } from './text/streams.ts';
export { DeadlineError, formatDuration, poll, type WaitOptions, within } from './waiting/deadline.ts';
export { type EitherSignal, eitherSignal } from './waiting/either-signal.ts';
export { contention, contentionOf, FairClock, type FairClockOptions, Silence } from './waiting/fair-clock.ts';
