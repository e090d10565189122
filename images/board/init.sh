#!/bin/sh
# The board's first process: a KVM host that is reached over ssh. Its keys and /etc/vpmu/board.rc come in a second archive.
export PATH=/usr/sbin:/usr/bin HOME=/root TERM=vt102
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs -o mode=1777 tmp /var/tmp
mount -t tracefs tracefs /sys/kernel/tracing
mkdir -p /run/sshd /run/lock
chmod 0755 /run/sshd
chmod 0700 /root /root/.ssh 2>/dev/null
echo -1 >/proc/sys/kernel/perf_event_paranoid
# What QEMU, who is not root here, leaves in folders that root reads.
echo 1 >/proc/sys/fs/protected_symlinks
echo 1 >/proc/sys/fs/protected_hardlinks
echo 2 >/proc/sys/fs/protected_fifos
echo 2 >/proc/sys/fs/protected_regular
chown root:kvm /dev/kvm && chmod 660 /dev/kvm
for module in /usr/lib/modules/load/*.ko; do
	[ -e "$module" ] && insmod "$module"
done
hostname board
ip link set lo up
if [ -e /sys/class/net/eth0 ]; then
	ip link set eth0 up
	ip addr add 10.0.2.15/24 dev eth0
	ip route add default via 10.0.2.2
fi
# From here on a failure must not end the first process: the console says what is wrong.
if [ -e /etc/vpmu/board.rc ]; then
	. /etc/vpmu/board.rc
else
	/usr/sbin/sshd
fi
echo 'vpmu-board ready' >/dev/console
read -r consoles </sys/class/tty/console/active
cd /root
while :; do
	setsid -c sh -i <>"/dev/${consoles##* }" >&0 2>&1
	sleep 1
done
