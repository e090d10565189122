import test from 'ava';
import { commandFor } from './programs.ts';

for (const [system, manager, ssh, setpriv] of [
	['Debian', 'apt-get', 'sudo apt-get install openssh-client', 'sudo apt-get install util-linux'],
	['Fedora', 'dnf', 'sudo dnf install openssh-clients', 'sudo dnf install util-linux'],
	['Arch', 'pacman', 'sudo pacman -S openssh', 'sudo pacman -S util-linux'],
	['NixOS', 'nix-shell', 'nix-shell -p openssh', 'nix-shell -p util-linux'],
	[
		'any other system',
		'none',
		"install the package that has 'ssh' (Debian's is openssh-client)",
		/'setpriv' \(Debian's/,
	],
] as const) {
	test(`a missing program is installed as ${system} does`, t => {
		const isThere = (program: string) => program === manager;
		t.is(commandFor('ssh', isThere), ssh);
		t.regex(commandFor('setpriv', isThere), typeof setpriv === 'string' ? new RegExp(`^${setpriv}$`) : setpriv);
	});
}
