#!/bin/sh
# The guest's first process: what a PMU test needs of a system, and no more.
export PATH=/usr/sbin:/usr/bin HOME=/root TERM=vt102
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
echo -1 >/proc/sys/kernel/perf_event_paranoid
[ -x /vpmu/agent ] && exec /vpmu/agent /dev/ttyAMA0 virtio:vpmu
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
read -r consoles </sys/class/tty/console/active
cd /root
# A session of its own with the console as its terminal, so that Ctrl-C works.
setsid -c sh -i <>"/dev/${consoles##* }" >&0 2>&1
poweroff -f
