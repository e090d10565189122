#!/bin/sh
# Before the first process of a guest on a disk: drivers where they are modules, and the disk in place of this archive.
export PATH=/usr/sbin:/usr/bin
mount -t devtmpfs dev /dev
for module in /usr/lib/modules/load/*.ko; do
	[ -e "$module" ] && insmod "$module"
done
waited=0
until [ -b /dev/vda ]; do
	waited=$((waited + 1))
	[ $waited -gt 100 ] && echo "vpmu: no disk /dev/vda after 10 s" && break
	usleep 100000
done
if mount -t squashfs -o ro /dev/vda /disk; then
	umount /dev
	for first in /vpmu/agent /init /sbin/init; do
		[ -x "/disk$first" ] && exec switch_root /disk "$first"
	done
	echo "vpmu: the disk has none of /vpmu/agent, /init and /sbin/init"
fi
poweroff -f
