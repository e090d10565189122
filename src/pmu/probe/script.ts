/**
 * The script that reads a host's facts, for any POSIX shell with `head -v -c` and `ls` (busybox or GNU). It starts few
 * processes, because each one costs milliseconds on an emulated host. Its argument is the path of the kvm-facts program, or empty.
 *
 * The output has a part with text lines, then one with every file's content byte for byte, each after the header that
 * `head -v` prints. Files that are missing, are folders or are unreadable are listed in the first part, so that
 * `head` only gets files that can be opened.
 */
export const factsScript = `
export LC_ALL=C
S=/sys/bus/event_source/devices C=/sys/devices/system/cpu
echo vpmu-facts-script 1
u=$(uname -r -m)
echo "uname $u"
if [ -d $S ]; then echo sources; else echo sources-missing; fi
if [ -e /dev/kvm ]; then echo kvm-present; else echo kvm-absent; fi
types=
for d in $S/*; do
	[ -e "$d" ] || [ -L "$d" ] || continue
	t=
	[ -f "$d/type" ] && [ -r "$d/type" ] && read -r t < "$d/type"
	case $t in ''|*[!0-9]*) continue ;; esac
	c=
	[ -f "$d/cpus" ] && [ -r "$d/cpus" ] && read -r c < "$d/cpus"
	case $c in *[!0-9,-]*) c= ;; esac
	types="$types $t=$c"
done
set -- "$1" $C/possible $C/present $C/online /proc/self/status /proc/cmdline \\
	/proc/sys/kernel/perf_event_paranoid /proc/sys/kernel/nmi_watchdog /proc/sys/kernel/perf_user_access \\
	/proc/sys/kernel/perf_event_max_sample_rate /sys/module/kvm_arm/parameters/* \\
	$C/isolated $C/nohz_full $C/cpufreq/policy*/scaling_governor $C/cpufreq/policy*/scaling_driver \\
	$S/*/type $S/*/cpus $S/*/cpumask $S/*/format/* $S/*/caps/* $C/cpu[0-9]*/regs/identification/midr_el1
kvm=$1
shift
n=$#
while [ $n -gt 0 ]; do
	f=$1
	shift
	n=$((n - 1))
	if [ ! -e "$f" ]; then echo "error ENOENT $f"
	elif [ -d "$f" ]; then echo "error EISDIR $f"
	elif [ ! -r "$f" ]; then echo "error EACCES $f"
	else set -- "$@" "$f"
	fi
done
# A glob that matches no type or cpus file says nothing of a source without one: each is looked for by name.
for d in $S/*; do
	[ -e "$d" ] || [ -L "$d" ] || continue
	for f in type cpus; do [ -e "$d/$f" ] || echo "error ENOENT $d/$f"; done
done
echo links
ls -l $S/ 2>/dev/null
echo kvm
if [ -z "$kvm" ]; then echo unasked no kvm-facts program was given
elif [ "\${u##* }" != aarch64 ]; then echo unasked kvm-facts runs on aarch64 only
elif "$kvm" $types 2>/dev/null; then :
else echo unasked kvm-facts ended with status $?
fi
echo files
exec head -v -c 65536 -- "$@"
`;
