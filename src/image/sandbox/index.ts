/** Where foreign code is run and what it leaves is read: nothing of the host is in reach, and everything has a limit. */
export { isRoot, requireSandbox, type SandboxRefusal, sandboxId, sandboxRefusal } from './availability.ts';
export type { SandboxMount } from './bubblewrap.ts';
export { copyForeign, freshFolder, openForeign, readForeign, removeForeign } from './foreign.ts';
export { defaultLimits, parseLimits, type SandboxLimits } from './limits.ts';
export { runInSandbox, SandboxLimitError, type SandboxRequest, type SandboxResult } from './sandbox.ts';
