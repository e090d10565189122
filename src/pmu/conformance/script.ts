/**
 * The script that asks a host's KVM, for any POSIX shell. Its argument is the path of the kvm-conformance program. It prints the
 * kernel's release, each event source and the numbers of its events, and what the program prints.
 */
export const conformanceScript = `
export LC_ALL=C
S=/sys/bus/event_source/devices
echo vpmu-conformance-script 1
echo "uname $(uname -r -m)"
if [ -e /dev/kvm ]; then echo kvm-present; else echo kvm-absent; fi
kvm=$1
set --
for d in $S/*; do
	t= c=
	[ -f "$d/type" ] && [ -r "$d/type" ] && read -r t < "$d/type"
	case $t in ''|*[!0-9]*) continue ;; esac
	[ -f "$d/cpus" ] && [ -r "$d/cpus" ] && read -r c < "$d/cpus"
	case $c in ''|*[!0-9,-]*) continue ;; esac
	echo "source $t $c"
	for e in "$d"/events/*; do
		n=
		[ -f "$e" ] && [ -r "$e" ] && read -r n < "$e"
		case $n in event=*) echo "event $t \${n#event=}" ;; esac
	done
	set -- "$@" "$t=$c"
done
exec "$kvm" "$@"
`;
