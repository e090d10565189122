/** One attack by hostile code. It prints `ESCAPED` if it reached something forbidden. */
export interface Attack {
	readonly name: string;
	/** A bash script for the sandbox; `$SECRET`, `$VICTIM` and `$PORT` name things of the host. */
	readonly script: string;
	/** Ended by this limit; by default it ends by itself. */
	readonly limit?: 'time' | 'memory' | 'processes' | 'disk' | 'output';
}

const python = (...lines: readonly string[]) => `python3 - <<'END'\n${lines.join('\n')}\nEND`;

/** A system call by number, since the sandbox has neither a compiler nor tools that make the call. */
const libc = ['import ctypes, os, sys, socket, stat', 'libc = ctypes.CDLL(None, use_errno=True)', 'e = os.environ'];

export const attacks: readonly Attack[] = [
	{ name: 'read a file of the host by its path', script: 'cat "$SECRET" && echo ESCAPED' },
	{
		name: 'chroot twice',
		script: python(
			...libc,
			'os.makedirs("/mnt/jail", exist_ok=True)',
			'try:',
			'  os.chroot("/mnt/jail"); [os.chdir("..") for _ in range(64)]; os.chroot("."); open(e["SECRET"]).read(); print("ESCAPED")',
			'except OSError as error: print(error)',
		),
	},
	{
		name: '/proc/1/root',
		script: 'for p in /proc/[0-9]*; do cat "$p/root$SECRET" 2>/dev/null && echo ESCAPED; done; ls /proc/1/root/',
	},
	{
		name: '/proc/*/cwd and fd',
		script:
			'for f in /proc/*/cwd /proc/*/fd/*; do [ -e "$f$SECRET" ] && echo ESCAPED; [ "$(readlink "$f")" = "$SECRET" ] && echo ESCAPED; done; true',
	},
	{
		name: 'ptrace a process of the host',
		script: python(
			...libc,
			'for pid in range(200, 40000):',
			'  if libc.ptrace(16, pid, 0, 0) == 0: print("ESCAPED", pid)',
		),
	},
	{
		name: 'signal processes of the host',
		script: python(
			...libc,
			'try: os.kill(int(e["HOSTPID"]), 0); print("ESCAPED")',
			'except OSError as error: print(error)',
		),
	},
	{
		name: 'make device nodes',
		script: python(
			...libc,
			'for place in ["/mnt/disk", "/tmp/disk", "/dev/disk", "/dev/shm/disk"]:',
			'  for kind, device in [(stat.S_IFBLK, (8, 0)), (stat.S_IFBLK, (254, 0)), (stat.S_IFCHR, (1, 1)), (stat.S_IFCHR, (5, 1))]:',
			'    try: os.mknod(place, kind | 0o666, os.makedev(*device)); open(place, "rb").read(1); print("ESCAPED", place)',
			'    except OSError as error: print(error)',
		),
	},
	{
		name: 'devices beyond the six',
		script:
			'for d in /dev/*; do [ -L "$d" ] && continue; [ -c "$d" ] || [ -b "$d" ] && case $d in /dev/null|/dev/zero|/dev/full|/dev/random|/dev/urandom|/dev/tty) ;; *) echo ESCAPED "$d";; esac; done; true',
	},
	{
		name: 'make the root writable',
		script: python(
			...libc,
			'for flags in [32, 32 | 4096, 32 | 1, 4096]:',
			'  for place in [b"/", b"/usr", b"/proc", b"/dev", b"/mnt"]:',
			'    if libc.mount(b"none", place, None, flags, None) == 0: print("ESCAPED mount", place)',
			'if libc.umount2(b"/mnt", 2) == 0: print("ESCAPED umount")',
			'for place in ["/usr/x", "/x", "/etc/x", "/proc/sys/kernel/hostname", "/dev/x"]:',
			'  try: open(place, "w").write("x"); print("ESCAPED", place)',
			'  except OSError as error: print(error)',
		),
	},
	{
		name: 'user namespaces of its own, and a mount in them',
		script: python(
			...libc,
			'for flags in [0x10000000, 0x10020000, 0x00020000, 0x40000000]:',
			'  if libc.unshare(flags) == 0: print("ESCAPED", hex(flags))',
		),
	},
	{
		name: 'enter a namespace of the host',
		script: python(
			...libc,
			'for name in os.listdir("/proc/1/ns"):',
			'  try: fd = os.open("/proc/1/ns/" + name, os.O_RDONLY)',
			'  except OSError: continue',
			'  if libc.setns(fd, 0) == 0: print("ESCAPED", name)',
		),
	},
	{
		name: 'pivot_root',
		script: python(...libc, 'print("ESCAPED") if libc.syscall(155, b"/mnt", b"/mnt") == 0 else print("no")'),
	},
	{
		name: 'open a file by handle',
		script: python(...libc, 'print("ESCAPED") if libc.syscall(304, -100, b"12345678", 0) >= 0 else print("no")'),
	},
	{
		name: 'an abstract socket of the host',
		script: python(
			...libc,
			's = socket.socket(socket.AF_UNIX)',
			'try: s.connect("\\0" + e["ABSTRACT"]); print("ESCAPED")',
			'except OSError as error: print(error)',
		),
	},
	{
		name: 'the loopback network of the host',
		script: python(
			...libc,
			'for host in ["127.0.0.1", "::1"]:',
			'  try: socket.create_connection((host, int(e["PORT"])), 2); print("ESCAPED")',
			'  except OSError as error: print(error)',
		),
	},
	{
		name: 'network interfaces besides lo',
		script: 'tail -n +3 /proc/net/dev | grep -v "^ *lo:" && echo ESCAPED; true',
	},
	{
		name: 'raw and netlink sockets',
		script: python(
			...libc,
			'for family, kind in [(socket.AF_INET, socket.SOCK_RAW), (socket.AF_PACKET, socket.SOCK_RAW)]:',
			'  try: socket.socket(family, kind, 255); print("ESCAPED")',
			'  except OSError as error: print(error)',
		),
	},
	{
		name: 'set-user-ID and file capabilities',
		script: python(
			...libc,
			'import shutil',
			'shutil.copy("/bin/bash", "/mnt/rootbash"); os.chmod("/mnt/rootbash", 0o6755)',
			'try: os.chown("/mnt/rootbash", 0, 0); print("ESCAPED chown")',
			'except OSError as error: print(error)',
			'try: os.setuid(0); print("ESCAPED setuid")',
			'except OSError as error: print(error)',
			'status = open("/proc/self/status").read()',
			'print("ESCAPED caps") if any(int(line.split()[1], 16) for line in status.split("\\n") if line.startswith("Cap")) else None',
			'print("ESCAPED new privileges") if "NoNewPrivs:\\t1" not in status else None',
		),
	},
	{ name: 'the environment of vpmu', script: 'env | grep -i leaked && echo ESCAPED; true' },
	{
		name: 'push keys into the terminal',
		script: python(
			...libc,
			'import fcntl',
			'for fd in [0, 1, 2]:',
			'  try: fcntl.ioctl(fd, 0x5412, b"x"); print("ESCAPED")',
			'  except OSError as error: print(error)',
		),
	},
	{
		name: 'kernel log, memory and modules',
		script:
			'cat /proc/kcore /proc/kmsg /dev/mem 2>/dev/null | head -c 1 | grep -q . && echo ESCAPED; echo b >/proc/sysrq-trigger 2>/dev/null && echo ESCAPED; true',
	},
	{
		name: 'hard links to what else is used',
		script: 'f=$(find /usr/bin -type f | head -1); ln "$f" /mnt/hard 2>/dev/null && echo ESCAPED; true',
	},
	{ name: 'fork bomb', script: 'bomb() { bomb | bomb & }; bomb; sleep 600', limit: 'processes' },
	{
		name: 'disk filling',
		script: 'i=0; while :; do head -c 8M /dev/urandom >/mnt/f$i; i=$((i+1)); done',
		limit: 'disk',
	},
	{ name: 'one huge file', script: 'head -c 200M /dev/zero >/mnt/huge && echo ESCAPED; true' },
	{ name: 'memory', script: python('keep = []', 'while True: keep.append(b"x" * 10000000)') },
	{
		name: 'memory of many processes',
		script: 'for i in $(seq 40); do python3 -c "x = b\'x\' * 30000000; import time; time.sleep(600)" & done; sleep 600',
		limit: 'memory',
	},
	{ name: 'endless lines', script: 'yes', limit: 'output' },
	{ name: 'endless output without a newline', script: 'cat /dev/zero', limit: 'output' },
	{ name: 'endless output on stderr', script: 'yes >&2', limit: 'output' },
	{ name: 'endless time, deaf to signals', script: "trap '' TERM INT HUP; while :; do sleep 1; done", limit: 'time' },
	{
		name: 'surviving children',
		script: python(
			...libc,
			'for attempt in range(4):',
			'  if os.fork() == 0:',
			'    os.setsid()',
			'    [os.close(fd) for fd in (0, 1, 2)]',
			'    if os.fork() == 0: os.execvp("bash", ["vpmu-survivor", "-c", "trap \'\' TERM HUP INT; while :; do sleep 1; done"])',
			'    os._exit(0)',
		),
	},
	{
		name: 'modes that allow no access',
		script: 'mkdir -p /mnt/a/b; touch /mnt/a/b/c; chmod 0 /mnt/a/b /mnt/a; echo left',
	},
];
