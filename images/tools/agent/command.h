/*
 * The jobs of one session: programs, and files on their way in or out.
 *
 * Messages in the streams: type[1] channel[1] size[] body[size]. A number without a given size is written with 7 bits a
 * byte, the lowest first, all bytes but the last with 0x80 (LEB128).
 *   host:  'X' run: flags[1] (1: no standard input) argc[] envc[] cwd\0 argument\0... NAME=value\0...
 *          'P' put file: mode[2] path\0        'G' get file: path\0
 *          'I' input data      'E' end of input      'K' signal[1]
 *   guest: 'O' output data    'R' error output data    'C' input taken: bytes[]
 *          'D' done: how[1] (0 exit status, 1 signal, 2 errno, 3 file) value[] (3: size) [sha256[32]]
 */
#ifndef VPMU_COMMAND_H
#define VPMU_COMMAND_H
#include "link.h"

enum { COMMANDS = 32, INPUT_SIZE = 4096, RESERVE = 512, CHUNK = 2048, MESSAGE_MAX = 1 << 20 };

struct command {
	struct session *session; /* 0: free */
	u8 channel;
	char kind; /* X P G */
	int pid, in, out, err, exited, status;
	u8 input[INPUT_SIZE];
	u32 input_size, credit;
	int input_ended;
	int file, file_done;
	u32 mode;
	char path[1024], temporary[1100];
	struct sha256 sum;
	u8 digest[32];
};

static struct command commands[COMMANDS];
static char **environment;
static int protected_from_oom;

static void close_fd(int *fd)
{
	if (*fd >= 0) SYS(close, *fd);
	*fd = -1;
}

/* @returns the number of bytes, at most 10 */
static u32 put_number(u8 *at, u64 value)
{
	u32 n = 0;
	for (; value > 0x7f; value >>= 7) at[n++] = 0x80 | (u8)value;
	at[n++] = (u8)value;
	return n;
}

/* Moves `*at` past the number, or to `size + 1` if the number is incomplete. */
static u32 get_number(const u8 *body, u32 size, u32 *at)
{
	u32 value = 0;
	for (int shift = 0; *at < size && shift < 28; shift += 7) {
		u8 byte = body[(*at)++];
		value |= (u32)(byte & 0x7f) << shift;
		if (byte < 0x80) return value;
	}
	*at = size + 1;
	return 0;
}

static void message(struct link *l, char type, u8 channel, const void *body, u32 size)
{
	u8 head[2 + 10] = { (u8)type, channel };
	link_write(l, head, 2 + put_number(head + 2, size));
	link_write(l, body, size);
}

static void report_done(struct link *l, u8 channel, u8 how, u64 value, const u8 *digest)
{
	u8 body[1 + 10 + 32] = { how };
	u32 size = 1 + put_number(body + 1, value);
	if (digest) memcpy(body + size, digest, 32);
	message(l, 'D', channel, body, digest ? size + 32 : size);
	l->gather_until = 0;
}

static struct command *find_command(struct session *s, u8 channel)
{
	for (int i = 0; i < COMMANDS; i++)
		if (commands[i].session == s && commands[i].channel == channel) return &commands[i];
	return 0;
}

static void release(struct command *c)
{
	close_fd(&c->in);
	close_fd(&c->out);
	close_fd(&c->err);
	close_fd(&c->file);
	if (c->kind == 'P' && c->temporary[0]) SYS(unlinkat, AT_FDCWD, c->temporary, 0);
	c->session = 0;
}

/* A process that ended while its session did is reaped by the main loop and has no job. */
static void abandon(struct session *s)
{
	for (int i = 0; i < COMMANDS; i++)
		if (commands[i].session == s) {
			if (commands[i].pid > 0 && !commands[i].exited) SYS(kill, -commands[i].pid, SIGKILL);
			release(&commands[i]);
		}
}

static const char *variable(char **env, const char *head)
{
	for (; *env; env++) if (starts_with(*env, head)) return *env + length_of(head);
	return 0;
}

static int write_text(const char *path, const char *text)
{
	int fd = SYS(openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
	i64 written = fd < 0 ? fd : SYS(write, fd, text, length_of(text));
	if (fd >= 0) SYS(close, fd);
	return written > 0;
}

static i64 execute(char **argv, char **env)
{
	const char *path = variable(env, "PATH=");
	i64 worst = -ENOENT;
	for (const char *c = argv[0]; *c; c++) if (*c == '/') return SYS(execve, argv[0], argv, env);
	while (path && *path) {
		char file[2304];
		u64 n = 0;
		while (*path && *path != ':' && n < 2048) file[n++] = *path++;
		while (*path && *path != ':') path++;
		if (*path == ':') path++;
		if (n == 0) file[n++] = '.';
		file[n++] = '/';
		if (n + length_of(argv[0]) >= sizeof file) continue;
		memcpy(file + n, argv[0], length_of(argv[0]) + 1);
		i64 result = SYS(execve, file, argv, env);
		if (result != -ENOENT && result != -20 /* ENOTDIR */) worst = result;
	}
	return worst;
}

struct beginning {
	int in, out, err;
	const char *cwd;
	char **argv, **env;
	volatile i64 error;
};

/* Moves a descriptor out of the way if it is 0, 1 or 2. */
static int above_standard(int fd) { return fd > 2 ? fd : (int)SYS(fcntl, fd, 1030 /* F_DUPFD_CLOEXEC */, 3); }

/*
 * The child until its execve. It shares the agent's memory while the agent sleeps (vfork), so starting a command
 * copies no page tables, and reporting a failure needs no pipe.
 */
static void child(void *argument)
{
	struct beginning *b = argument;
	u64 no_signals = 0;
	i64 result = 0;
	SYS(setsid);
	SYS(rt_sigprocmask, 2 /* SIG_SETMASK */, &no_signals, 0, 8);
	if (protected_from_oom) write_text("/proc/self/oom_score_adj", "0\n");
	int in = above_standard(b->in), out = above_standard(b->out), err = above_standard(b->err);
	SYS(dup3, in, 0, 0);
	SYS(dup3, out, 1, 0);
	SYS(dup3, err, 2, 0);
	if (*b->cwd) result = SYS(chdir, b->cwd);
	if (result == 0) result = execute(b->argv, b->env);
	b->error = -result;
	SYS(exit_group, 127);
}

static void start_program(struct link *l, struct command *c, u8 *body, u32 size)
{
	static const char *defaults[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "TERM=dumb" };
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
	static u8 stack[32768] __attribute__((aligned(16)));
	u32 at = 1, argc = get_number(body, size, &at), envc = get_number(body, size, &at), inherited = 0, n = 0;
	i64 result = 0;
	while (environment[inherited]) inherited++;
	static char *usual[128];
	u64 table_size = (argc + envc + inherited + 16) * sizeof(char *);
	char **table = table_size <= sizeof usual ? usual : map_memory(table_size);
	if (!table) {
		report_done(l, c->channel, 2, ENOMEM, 0);
		release(c);
		return;
	}
	char **argv = table, **env = table + argc + 1;
	const char *cwd = (char *)body + at;
	if (at >= size || body[size - 1] != 0) goto bad; /* every string ends within the message */
	at += length_of(cwd) + 1;
	for (u32 i = 0; i < argc + envc; i++) {
		if (at >= size) goto bad;
		(i < argc ? argv : env)[i < argc ? i : i - argc] = (char *)body + at;
		at += length_of((char *)body + at) + 1;
	}
	if (argc == 0) goto bad;
	argv[argc] = 0;
	/* The host's variables come first; a name that is already present is not added. */
	for (u32 i = n = envc; i < envc + inherited + 3; i++) {
		const char *entry = i < envc + inherited ? environment[i - envc] : defaults[i - envc - inherited];
		char name[256];
		u32 k = 0;
		while (k < 254 && entry[k] && entry[k] != '=') name[k] = entry[k], k++;
		name[k] = '=', name[k + 1] = 0;
		env[n] = 0;
		if (!variable(env, name)) env[n++] = (char *)entry;
	}
	env[n] = 0;

	if (body[0] & 1) {
		in[0] = SYS(openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
		if (in[0] < 0) result = SYS(pipe2, in, O_CLOEXEC), close_fd(&in[1]);
	} else result = SYS(pipe2, in, O_CLOEXEC);
	if (result >= 0) result = SYS(pipe2, out, O_CLOEXEC);
	if (result >= 0) result = SYS(pipe2, err, O_CLOEXEC);
	struct beginning b = { in[0], out[1], err[1], cwd, argv, env, 0 };
	if (result >= 0) result = spawn_on(CLONE_VM | CLONE_VFORK | SIGCHLD, stack + sizeof stack, child, &b);
	close_fd(&in[0]);
	close_fd(&out[1]);
	close_fd(&err[1]);
	if (result > 0) {
		c->pid = (int)result;
		SYS(fcntl, out[0], 4 /* F_SETFL */, O_NONBLOCK);
		SYS(fcntl, err[0], 4, O_NONBLOCK);
		if (in[1] >= 0) SYS(fcntl, in[1], 4, O_NONBLOCK);
		c->in = in[1];
		c->out = out[0];
		c->err = err[0];
		if (b.error) {
			report_done(l, c->channel, 2, (u64)b.error, 0);
			release(c);
		}
	} else {
		close_fd(&in[1]);
		close_fd(&out[0]);
		close_fd(&err[0]);
		report_done(l, c->channel, 2, (u64)-result, 0);
		release(c);
	}
	goto out;
bad:
	report_done(l, c->channel, 2, EINVAL, 0);
	release(c);
out:
	if (table != usual) SYS(munmap, table, table_size);
}

#endif
