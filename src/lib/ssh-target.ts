/**
 * Whether a text is an ssh target: `[USER@]HOST`, an alias of ~/.ssh/config, or `ssh://[USER@]HOST[:PORT]`. False for text that ssh
 * would take for an option, or that cannot be a host.
 */
export function isSshTarget(text: string): boolean {
	return /^(ssh:\/\/)?[A-Za-z0-9_[][\w.@:%[\]-]*$/.test(text);
}
