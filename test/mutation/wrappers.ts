/** Scripts that stand before a QEMU's command line. Each ends by becoming what follows. */
const over = (edit: string) => `for arg; do shift; ${edit}; set -- "$@" "$arg"; done; exec "$@"`;

/** Starts the emulator instead of KVM. */
export const emulates = over('case $arg in kvm|kvm,*) arg=tcg;; host|host,*) arg=max;; esac');

/** Leaves out what was asked of the accelerator. */
export const forgetsAccelProperties = over('case $arg in kvm,*) arg=kvm;; esac');

/** Adds a property to the accelerator that nobody asked for. */
export const addsAccelProperty = (property: string) => over(`case $arg in kvm|kvm,*) arg=$arg,${property};; esac`);

/** Adds a property to the CPU that nobody asked for. */
export const addsCpuProperty = (property: string) => over(`case $arg in host|host,*) arg=$arg,${property};; esac`);

/** Writes a line into QEMU's log that QEMU did not write. */
export const forgesTrace = (line: string, afterSeconds: number) => `
before= log=
for arg; do [ "$before" = -D ] && log=$arg; before=$arg; done
(sleep ${afterSeconds}; echo '${line}' >>"$log") &
exec "$@"`;

/** No QEMU at all: ends as told. */
export const endsWith = (how: string) => `${how}`;

/** A QEMU's command line behind a script. */
export function behind(script: string, command: readonly string[]): string[] {
	return ['sh', '-c', script, 'vpmu-false-proof', ...command];
}
