/* File transfers in both directions. An incoming file gets its name only after it is written completely and read back. */
#ifndef VPMU_FILE_H
#define VPMU_FILE_H
#include "command.h"

static void file_failed(struct link *l, struct command *c, i64 error)
{
	report_done(l, c->channel, 2, (u64)-error, 0);
	release(c);
}

static int take_path(struct command *c, const u8 *body, u32 size)
{
	if (size < 2 || body[size - 1] != 0 || size > sizeof c->path) return 0;
	memcpy(c->path, body, size);
	return length_of(c->path) + 1 == size;
}

static void begin_put(struct link *l, struct command *c, const u8 *body, u32 size)
{
	u64 n;
	if (size < 2 || !take_path(c, body + 2, size - 2)) {
		file_failed(l, c, -EINVAL);
		return;
	}
	c->mode = body[0] | body[1] << 8;
	n = length_of(c->path);
	memcpy(c->temporary, c->path, n);
	memcpy(c->temporary + n, ".vpmu-", 6);
	for (int i = 0; i < 4; i++) c->temporary[n + 6 + i] = (char)('a' + (c->channel >> (4 * i) & 15));
	c->temporary[n + 10] = 0;
	i64 fd = SYS(openat, AT_FDCWD, c->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		c->temporary[0] = 0;
		file_failed(l, c, fd);
	} else c->file = (int)fd;
}

static void put_bytes(struct link *l, struct command *c, const u8 *data, u32 size)
{
	while (size) {
		i64 n = SYS(write, c->file, data, size);
		if (n == -EINTR) continue;
		if (n <= 0) {
			file_failed(l, c, n ? n : -EIO);
			return;
		}
		data += n;
		size -= (u32)n;
		c->credit += (u32)n;
	}
}

static void end_put(struct link *l, struct command *c)
{
	static u8 buffer[16384];
	i64 n = SYS(fchmod, c->file, c->mode);
	if (n >= 0) n = SYS(lseek, c->file, 0, 0);
	sha256_begin(&c->sum);
	while (n >= 0 && (n = SYS(read, c->file, buffer, sizeof buffer)) > 0) sha256_add(&c->sum, buffer, (u64)n);
	if (n >= 0) n = SYS(renameat2, AT_FDCWD, c->temporary, AT_FDCWD, c->path, 0);
	if (n < 0) {
		file_failed(l, c, n);
		return;
	}
	u64 size = c->sum.size;
	c->temporary[0] = 0;
	sha256_end(&c->sum, c->digest);
	report_done(l, c->channel, 3, size, c->digest);
	release(c);
}

static void begin_get(struct link *l, struct command *c, const u8 *body, u32 size)
{
	i64 fd = take_path(c, body, size) ? SYS(openat, AT_FDCWD, c->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0) : -EINVAL;
	sha256_begin(&c->sum);
	if (fd < 0) file_failed(l, c, fd);
	else c->file = (int)fd;
}

/* Sends the next piece. @returns whether there was anything to send */
static int step_get(struct link *l, struct command *c)
{
	u8 buffer[CHUNK];
	u32 room = link_room(l);
	if (room < RESERVE + 64) return 0;
	i64 n = SYS(read, c->file, buffer, room - RESERVE < CHUNK ? room - RESERVE : CHUNK);
	if (n < 0) file_failed(l, c, n);
	else if (n > 0) {
		sha256_add(&c->sum, buffer, (u64)n);
		message(l, 'O', c->channel, buffer, (u32)n);
	} else {
		u64 size = c->sum.size;
		sha256_end(&c->sum, c->digest);
		report_done(l, c->channel, 3, size, c->digest);
		release(c);
	}
	return 1;
}

#endif
