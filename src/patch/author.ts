/** Formats an author as mail does: `Name <address>`, or what is known of it. Empty if nothing is. Pure. */
export const authorText = (name: string, email: string): string =>
	[name, email === '' ? '' : `<${email}>`].filter(part => part !== '').join(' ');
