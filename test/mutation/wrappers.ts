/** Wrapper scripts for a QEMU command line. Each ends by exec of the command. */
const over = (edit: string) => `for arg; do shift; ${edit}; set -- "$@" "$arg"; done; exec "$@"`;

/** Starts TCG instead of KVM. */
export const emulates = over('case $arg in kvm|kvm,*) arg=tcg;; host|host,*) arg=max;; esac');

/** Removes the accelerator's options. */
export const forgetsAccelProperties = over('case $arg in kvm,*) arg=kvm;; esac');

/** Adds an unrequested property to the accelerator. */
export const addsAccelProperty = (property: string) => over(`case $arg in kvm|kvm,*) arg=$arg,${property};; esac`);

/** Adds an unrequested property to the CPU. */
export const addsCpuProperty = (property: string) => over(`case $arg in host|host,*) arg=$arg,${property};; esac`);

/** Writes a line into QEMU's log that QEMU did not write. */
export const forgesTrace = (line: string, afterSeconds: number) => `
before= log=
for arg; do [ "$before" = -D ] && log=$arg; before=$arg; done
(sleep ${afterSeconds}; echo '${line}' >>"$log") &
exec "$@"`;

/** Runs no QEMU: exits as told. */
export const endsWith = (how: string) => `${how}`;

/** Puts a script before a QEMU command line. */
export function behind(script: string, command: readonly string[]): string[] {
	return ['sh', '-c', script, 'vpmu-false-proof', ...command];
}
