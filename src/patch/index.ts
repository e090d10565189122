/** Mail to series: what is applied, in which order, and what is not part of it. Pure; git does the decoding and the applying. */
export { authorText } from './author.ts';
export { type FileDiff, type Hunk, parseDiff, refusalOf } from './diff.ts';
export { type MailHeaders, parseHeaders } from './headers.ts';
export { type NearFit, nearestFit } from './near.ts';
export { parsePatchwork } from './patchwork.ts';
export { type KernelUse, kernelUseOf, type Project, projectOf, projectOfPaths } from './project.ts';
export { classifyPatchFile, type PatchFileKind, patchFileMaxBytes, splitBareDiff } from './read.ts';
export { type Patch, type PatchMail, type PatchSeries, selectSeries } from './series.ts';
export { type Statement, statementsOf } from './statements.ts';
export { type PatchSubject, parseSubject } from './subject.ts';
export { parseSeriesBase, type SeriesBase } from './trailers.ts';
