/** How systems install packages, and what they call those that differ from Debian's. The first whose program is there counts. */
const managers: Readonly<
	Record<string, { readonly install: string; readonly names: Readonly<Record<string, string>> }>
> = {
	'apt-get': { install: 'sudo apt-get install', names: {} },
	dnf: { install: 'sudo dnf install', names: { 'openssh-client': 'openssh-clients' } },
	zypper: { install: 'sudo zypper install', names: { 'openssh-client': 'openssh-clients' } },
	pacman: { install: 'sudo pacman -S', names: { 'openssh-client': 'openssh' } },
	apk: { install: 'sudo apk add', names: {} },
	'nix-shell': { install: 'nix-shell -p', names: { 'openssh-client': 'openssh', tar: 'gnutar' } },
};

/** System programs that vpmu calls, with their Debian packages. What fetches packages is tried, see packages.ts. */
export const programs: Readonly<Record<string, string>> = {
	setpriv: 'util-linux',
	ssh: 'openssh-client',
	'ssh-keygen': 'openssh-client',
	flock: 'util-linux',
	tar: 'tar',
	sh: 'dash',
};

/**
 * Returns the command that provides a program on this system.
 *
 * @param isThere whether the system has a program
 */
export function commandFor(program: string, isThere: (program: string) => boolean): string {
	const debian = programs[program]!;
	const found = Object.keys(managers).find(isThere);
	if (found === undefined) return `install the package that has '${program}' (Debian's is ${debian})`;
	const { install, names } = managers[found]!;
	return `${install} ${names[debian] ?? debian}`;
}
