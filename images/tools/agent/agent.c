/*
 * vpmu's agent in the guest: runs commands and moves files for the host over a serial line that others print on.
 *
 *   agent [PORT...]      PORT: a tty (/dev/ttyAMA0), virtio:NAME (a virtio-serial port), or fd:N (tests)
 *
 * Without arguments: /dev/ttyAMA0 and virtio:vpmu. As process 1 it mounts /dev, /proc, /sys, /tmp and /run first.
 * Each port carries a separate session. It uses no C library and needs only the port.
 */
#include "file.h"

enum { PORTS = 4, TCGETS = 0x5401, TCSETS = 0x5402 };

struct session {
	struct link link; /* first: a link is its session */
	const char *port;
	int is_tty, quiet_until_set;
	u64 quiet_until, try_again_at, give_up_at;
	/* the incoming message */
	u8 head[6];
	int head_ended;
	u32 head_size, body_size, body_have;
	u8 *body, usual[2048]; /* a larger one is mapped */
};

struct termios { u32 iflag, oflag, cflag, lflag; u8 line, cc[19]; };

static struct session sessions[PORTS];
static int session_count;

/* Set the terminal to raw mode, whatever a program in the guest set. */
static void line_is_bad(struct link *l)
{
	struct termios now, raw;
	if (!((struct session *)l)->is_tty || SYS(ioctl, l->fd, TCGETS, &now) < 0) return;
	raw = now;
	raw.iflag = 1 /* IGNBRK: break stays the kernel's */;
	raw.oflag = raw.lflag = 0;
	raw.cflag |= 0x880 /* CREAD, CLOCAL */;
	raw.cc[6] = 1; /* VMIN */
	raw.cc[5] = 0; /* VTIME */
	if (raw.iflag != now.iflag || raw.oflag != now.oflag || raw.lflag != now.lflag || raw.cflag != now.cflag ||
		raw.cc[5] != now.cc[5] || raw.cc[6] != now.cc[6])
		SYS(ioctl, l->fd, TCSETS, &raw);
}

static void drop_message(struct session *s)
{
	if (s->body && s->body != s->usual) SYS(munmap, s->body, s->body_size);
	s->body = 0;
	s->head_ended = 0;
	s->head_size = s->body_size = s->body_have = 0;
}

static void session_began(struct link *l)
{
	abandon((struct session *)l);
	drop_message((struct session *)l);
}

static void begin_command(struct session *s, char kind, u8 channel, u8 *body, u32 size)
{
	struct command *c = 0;
	for (int i = 0; i < COMMANDS && !c; i++) if (!commands[i].session) c = &commands[i];
	if (!c || find_command(s, channel)) {
		report_done(&s->link, channel, 2, EBUSY, 0);
		return;
	}
	c->session = s;
	c->channel = channel;
	c->kind = kind;
	c->pid = c->exited = c->status = c->input_ended = c->file_done = 0;
	c->in = c->out = c->err = c->file = -1;
	c->input_size = c->credit = 0;
	c->temporary[0] = 0;
	if (kind == 'X') start_program(&s->link, c, body, size);
	else if (kind == 'P') begin_put(&s->link, c, body, size);
	else begin_get(&s->link, c, body, size);
}

static void on_message(struct session *s, char type, u8 channel, u8 *body, u32 size)
{
	if (type == 'X' && size < 4) return;
	if (type == 'X' || type == 'P' || type == 'G') {
		begin_command(s, type, channel, body, size);
		return;
	}
	struct command *c = find_command(s, channel);
	if (!c) return; /* it ended while this was on its way */
	if (type == 'I' && c->kind == 'P') put_bytes(&s->link, c, body, size);
	else if (type == 'I' && size <= INPUT_SIZE - c->input_size) {
		if (c->in < 0) c->credit += size; /* nobody reads any more */
		else memcpy(c->input + c->input_size, body, size), c->input_size += size;
	} else if (type == 'E' && c->kind == 'P') end_put(&s->link, c);
	else if (type == 'E') c->input_ended = 1;
	else if (type == 'K' && size == 1 && c->pid > 0 && !c->exited) SYS(kill, -c->pid, body[0]);
	else if (type == 'K' && c->kind != 'X') file_failed(&s->link, c, -EINTR);
}

static void stream_bytes(struct link *l, const u8 *data, u32 size)
{
	struct session *s = (struct session *)l;
	while (size) {
		if (!s->head_ended) {
			u32 at = 2;
			u8 byte = *data++;
			s->head[s->head_size++] = byte;
			size--;
			s->head_ended = s->head_size > 2 && (byte < 0x80 || s->head_size == sizeof s->head);
			if (!s->head_ended) continue;
			s->body_size = get_number(s->head, s->head_size, &at);
			if (s->body_size > MESSAGE_MAX) s->body_size = 0;
			s->body_have = 0;
			s->body = s->body_size == 0 ? 0 : s->body_size <= sizeof s->usual ? s->usual : map_memory(s->body_size);
		} else {
			u32 part = s->body_size - s->body_have;
			if (part > size) part = size;
			if (s->body) memcpy(s->body + s->body_have, data, part);
			s->body_have += part;
			data += part;
			size -= part;
		}
		if (s->body_have == s->body_size) {
			if (s->body_size && !s->body) report_done(l, s->head[1], 2, ENOMEM, 0);
			else on_message(s, (char)s->head[0], s->head[1], s->body, s->body_size);
			drop_message(s);
		}
	}
}

/* Moves output of a program into the stream. @returns whether anything moved; closes pipes that have ended */
static int step_output(struct link *l, struct command *c, int *fd, char type)
{
	u8 buffer[CHUNK];
	u32 room = link_room(l);
	if (*fd < 0 || room < RESERVE + 64) return 0;
	i64 n = SYS(read, *fd, buffer, room - RESERVE < CHUNK ? room - RESERVE : CHUNK);
	if (n == -EAGAIN || n == -EINTR) return 0;
	if (n > 0) {
		if (l->next == l->end && !c->exited) l->gather_until = now_ms() + GATHER_MS;
		message(l, type, c->channel, buffer, (u32)n);
	} else close_fd(fd);
	return 1;
}

static void step_input(struct command *c)
{
	if (c->in < 0) return;
	if (c->input_size) {
		i64 n = SYS(write, c->in, c->input, c->input_size);
		if (n > 0) {
			c->credit += (u32)n;
			c->input_size -= (u32)n;
			memmove(c->input, c->input + n, c->input_size);
		} else if (n != -EAGAIN && n != -EINTR) {
			/* The program closed its input: drop the rest. */
			c->credit += c->input_size;
			c->input_size = 0;
			close_fd(&c->in);
		}
	}
	if (c->input_ended && c->input_size == 0) close_fd(&c->in);
}

static void step_command(struct command *c)
{
	struct link *l = &c->session->link;
	if (c->kind == 'G') {
		while (c->session && step_get(l, c)) {}
		return;
	}
	if (c->kind == 'X') {
		int ended = c->exited, moved;
		step_input(c);
		do moved = step_output(l, c, &c->out, 'O') | step_output(l, c, &c->err, 'R');
		while (moved);
		if (ended && link_room(l) > RESERVE + 64) {
			/* All output from before its end is in the stream: both pipes were found empty after it. */
			u32 signal = (u32)c->status & 0x7f;
			report_done(l, c->channel, signal ? 1 : 0, signal ? signal : ((u32)c->status >> 8 & 0xff), 0);
			release(c);
			return;
		}
	}
	if (c->credit && link_room(l) > 64) {
		u8 body[10];
		message(l, 'C', c->channel, body, put_number(body, c->credit));
		c->credit = 0;
	}
}

static void reap(int signals)
{
	u8 buffer[128];
	int status;
	i64 pid;
	while (SYS(read, signals, buffer, sizeof buffer) > 0) {}
	while ((pid = SYS(wait4, -1, &status, 1 /* WNOHANG */, 0)) > 0)
		for (int i = 0; i < COMMANDS; i++)
			if (commands[i].session && commands[i].pid == pid) commands[i].exited = 1, commands[i].status = status;
}

/* `path` is a folder, with a trailing slash; returns whether the file `leaf` in its entry contains `name`. */
static int entry_says(char *path, u64 size, const char *entry, const char *leaf, const char *name)
{
	char found[64];
	memcpy(path + size, entry, length_of(entry));
	memcpy(path + size + length_of(entry), leaf, length_of(leaf) + 1);
	int fd = (int)SYS(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0) return 0;
	i64 n = SYS(read, fd, found, sizeof found - 1);
	SYS(close, fd);
	while (n > 0 && found[n - 1] == '\n') n--;
	found[n > 0 ? n : 0] = 0;
	return same(found, name);
}

/* Most guests have no such port, and then this only lists one folder. */
static int open_virtio(const char *name)
{
	static const char ports[] = "/sys/class/virtio-ports/", devices[] = "/dev/";
	char entries[2048], path[sizeof ports + 256 + 8];
	int folder = (int)SYS(openat, AT_FDCWD, ports, O_RDONLY | O_CLOEXEC, 0), result = -ENOENT;
	i64 n;
	memcpy(path, ports, sizeof ports);
	while (result < 0 && folder >= 0 && (n = SYS(getdents64, folder, entries, sizeof entries)) > 0)
		/* struct linux_dirent64: d_reclen is at offset 16, d_name at 19. */
		for (i64 at = 0; at < n && result < 0; at += *(u16 *)(entries + at + 16)) {
			const char *entry = entries + at + 19;
			if (entry[0] == '.' || !entry_says(path, sizeof ports - 1, entry, "/name", name)) continue;
			memcpy(path, devices, sizeof devices);
			memcpy(path + sizeof devices - 1, entry, length_of(entry) + 1);
			result = (int)SYS(openat, AT_FDCWD, path, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
			memcpy(path, ports, sizeof ports);
		}
	close_fd(&folder);
	return result;
}

static int open_port(struct session *s)
{
	struct termios t;
	int fd;
	if (starts_with(s->port, "fd:")) {
		fd = s->port[3] - '0';
		SYS(fcntl, fd, 4 /* F_SETFL */, O_NONBLOCK | O_RDWR);
		SYS(fcntl, fd, 2 /* F_SETFD */, 1);
	} else if (starts_with(s->port, "virtio:")) fd = open_virtio(s->port + 7);
	else fd = (int)SYS(openat, AT_FDCWD, s->port, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);
	s->link.fd = fd;
	if (fd < 0) return 0;
	s->is_tty = SYS(ioctl, fd, TCGETS, &t) >= 0;
	line_is_bad(&s->link);
	/* A hint only: the host then sends HELLO at once instead of at its next try. */
	static const char hint[] = "\nvpmu-agent: ready\n";
	memcpy(s->link.out, hint, sizeof hint - 1);
	s->link.out_size = sizeof hint - 1;
	return 1;
}

static void flush_out(struct session *s)
{
	struct link *l = &s->link;
	while (l->out_size) {
		i64 n = SYS(write, l->fd, l->out, l->out_size);
		if (n <= 0) return;
		l->out_size -= (u32)n;
		memmove(l->out, l->out + n, l->out_size);
	}
}

static void port_closed(struct session *s)
{
	if (starts_with(s->port, "fd:")) {
		abandon(s);
		SYS(exit_group, 0);
	}
	/* Nothing listens at the other end of a virtio port: try again later. */
	s->quiet_until = now_ms() + 200;
	s->quiet_until_set = 1;
}

static void step_port(struct session *s)
{
	u8 buffer[2048];
	for (;;) {
		i64 n = SYS(read, s->link.fd, buffer, sizeof buffer);
		if (n > 0) {
			link_input(&s->link, buffer, (u32)n);
			continue;
		}
		if (n == 0 || (n != -EAGAIN && n != -EINTR)) port_closed(s);
		return;
	}
}

static void mount_all(void)
{
	static const char *mounts[][2] = { { "devtmpfs", "/dev" }, { "proc", "/proc" }, { "sysfs", "/sys" }, { "tmpfs", "/tmp" },
		{ "tmpfs", "/run" } };
	for (u32 i = 0; i < sizeof mounts / sizeof *mounts; i++) {
		SYS(mkdirat, AT_FDCWD, mounts[i][1], 0755);
		SYS(mount, mounts[i][0], mounts[i][1], mounts[i][0], 0, 0);
	}
}

static i64 sooner(i64 a, i64 b) { return a < 0 || b < a ? b : a; }

static void serve(int signals)
{
	struct pollfd polled[1 + PORTS + 3 * COMMANDS];
	for (;;) {
		u32 n = 0;
		i64 wait = -1;
		u64 now = now_ms();
		polled[n++] = (struct pollfd){ signals, POLLIN, 0 };
		for (int i = 0; i < session_count; i++) {
			struct session *s = &sessions[i];
			if (s->link.fd < 0) {
				if (now < s->give_up_at && now >= s->try_again_at && !open_port(s)) s->try_again_at = now + 250;
				if (s->link.fd < 0 && now < s->give_up_at) wait = sooner(wait, 250);
				if (s->link.fd < 0) continue;
			}
			/* Twice: frame what the commands produced, then fill the space that the frames freed. */
			for (int again = 0; again < 2; again++) {
				for (int k = 0; k < COMMANDS; k++) if (commands[k].session == s) step_command(&commands[k]);
				link_step(&s->link);
				flush_out(s);
			}
			if (s->quiet_until_set && now < s->quiet_until) wait = sooner(wait, (i64)(s->quiet_until - now));
			else {
				s->quiet_until_set = 0;
				polled[n++] = (struct pollfd){ s->link.fd, POLLIN | (s->link.out_size ? POLLOUT : 0), 0 };
			}
			now = now_ms();
			if (s->link.owe_reply) wait = sooner(wait, s->link.reply_at > now ? (i64)(s->link.reply_at - now) : 1);
			if (s->link.owe_answer) wait = sooner(wait, s->link.answer_at > now ? (i64)(s->link.answer_at - now) : 1);
			if (s->link.next != s->link.end && s->link.gather_until > now) wait = sooner(wait, (i64)(s->link.gather_until - now));
			if (s->link.retry_at) wait = sooner(wait, s->link.retry_at > now ? (i64)(s->link.retry_at - now) : 1);
			for (int k = 0; k < COMMANDS; k++) {
				struct command *c = &commands[k];
				if (c->session != s || c->kind != 'X') continue;
				int room = link_room(&s->link) >= RESERVE + 64;
				if (c->out >= 0 && room) polled[n++] = (struct pollfd){ c->out, POLLIN, 0 };
				if (c->err >= 0 && room) polled[n++] = (struct pollfd){ c->err, POLLIN, 0 };
				if (c->in >= 0 && c->input_size) polled[n++] = (struct pollfd){ c->in, POLLOUT, 0 };
			}
		}
		struct timespec t = { wait / 1000, wait % 1000 * 1000000 };
		SYS(ppoll, polled, n, wait < 0 ? 0 : &t, 0, 8);
		for (int i = 0; i < session_count; i++)
			if (sessions[i].link.fd >= 0 && !sessions[i].quiet_until_set) step_port(&sessions[i]);
		reap(signals);
	}
}

static void add_port(const char *port, u64 patience_ms, const u8 *random)
{
	if (session_count == PORTS) return;
	struct session *s = &sessions[session_count++];
	s->port = port;
	s->link.fd = -1;
	s->link.started_ms = now_ms();
	s->give_up_at = s->link.started_ms + patience_ms;
	memcpy(s->link.boot, random, sizeof s->link.boot);
}

__attribute__((used, noreturn)) void start(u64 *stack)
{
	int argc = (int)stack[0];
	char **argv = (char **)(stack + 1);
	environment = argv + argc + 1;
	u64 *aux = (u64 *)environment, blocked = 1ul << (SIGCHLD - 1) | 1ul << (SIGPIPE - 1) | 7ul /* HUP INT QUIT */;
	const u8 *random = (const u8 *)stack;
	while (*aux) aux++;
	for (aux++; aux[0]; aux += 2) if (aux[0] == 25 /* AT_RANDOM: 16 bytes that the kernel drew for this process */)
		random = (const u8 *)aux[1];

	int is_first = SYS(getpid) == 1;
	if (is_first) mount_all();
	SYS(prctl, 36 /* PR_SET_CHILD_SUBREAPER */, 1);
	/* The OOM killer never kills the first process (mm/oom_kill.c, oom_unkillable_task), and the score is inherited. */
	protected_from_oom = !is_first && write_text("/proc/self/oom_score_adj", "-1000\n");
	SYS(rt_sigprocmask, 0 /* SIG_BLOCK */, &blocked, 0, 8);
	u64 children = 1ul << (SIGCHLD - 1);
	int signals = (int)SYS(signalfd4, -1, &children, 8, O_NONBLOCK | O_CLOEXEC);
	if (argc < 2) {
		add_port("/dev/ttyAMA0", ~0ul >> 1, random);
		add_port("virtio:vpmu", 2000, random);
	}
	for (int i = 1; i < argc; i++) add_port(argv[i], i == 1 ? ~0ul >> 1 : 2000, random);
	serve(signals);
	__builtin_unreachable();
}
