/*
 * A reliable byte stream each way over a line that loses characters and that other programs print on.
 *
 * A frame is one line: '~', base64url of (header, data, tag[6]), '\n'. The tag is a keyed hash over the direction, the
 * header and the data, cut to 48 bits. The host chooses the key for each session and sends it in HELLO. Without
 * the key nobody can make a frame, so text that looks like one is harmless. Streams are numbered by byte, so that a resend may
 * be split differently: pieces shrink on a bad line. Only the lower 16 bits of an offset are sent, because both ends are
 * always less than half of that apart. Everything is short: under nested emulation each character costs half a millisecond.
 *
 *   HELLO  host: 0x01 version key[8] data                              tag under the key of zeros; the stream's first bytes
 *   REPLY  guest: 0x02 version boot[4] uptime_ms[4]                    tag under the session's key
 *   BYE    host: 0x04                                                  ends the session and all that runs in it
 *   DATA   both: 0x03|flags offset[2] acknowledged[2] [hole_end[2]] [version boot[4] uptime_ms[4]] data
 *          flags: 0x10 POLL "answer at once"; 0x20 HOLE "of what follows `acknowledged` I have what starts at hole_end";
 *          0x40 AGAIN "I dropped something, send again from `acknowledged`"; 0x80 REPLIES guest: to HELLO too
 */
#ifndef VPMU_LINK_H
#define VPMU_LINK_H
#include "hash.h"

enum { VERSION = 2, TAG = 6, HEAD = 5, HELLO = 1, REPLY = 2, DATA = 3, BYE = 4, POLL = 0x10, HOLE = 0x20, AGAIN = 0x40, REPLIES = 0x80 };
enum {
	SEND_SIZE = 16384, /* bytes written and not yet acknowledged; a power of two */
	FLIGHT = 6144, /* of these, how many may be on the line */
	PIECE_MAX = 384, PIECE_FIRST = 192, PIECE_MIN = 24,
	EARLY = 2048, /* bytes ahead of a gap that are kept; the host sends at most half as many */
	LINE_MAX = 1024, OUT_SIZE = 4096,
	RETRY_FIRST_MS = 250, RETRY_MIN_MS = 80, RETRY_MAX_MS = 8000, RETRY_PIECES = 4, HOLE_PAUSE_MS = 30,
	TIOCOUTQ = 0x5411,
	ANSWER_MS = 60, ANSWER_BYTES = 512, /* an answer waits for something that goes its way */
	GATHER_MS = 10, /* a little output waits for its program's end */
};

struct link {
	int fd, in_session;
	u8 key[8], boot[4];
	u64 started_ms;
	/* sending: acknowledged <= next <= end */
	u32 acknowledged, next, end, recover;
	u32 piece, clean_pieces;
	u64 retry_at, retry_ms, hole_at, gather_until;
	/* round trip (RFC 6298): smoothed, times 8, and its variation, times 4; 0 before the first measurement */
	u64 smoothed8_ms, variation4_ms;
	/* the byte whose acknowledgement is awaited, since when, and when something was resent meanwhile */
	int timed;
	u32 timed_end;
	u64 timed_at, resent_at;
	u8 send[SEND_SIZE];
	/* receiving */
	u32 received;
	u8 early[EARLY], is_early[EARLY];
	int owe_reply, owe_answer, owe_again, recovering;
	u32 unanswered;
	u64 answer_at, reply_at;
	char line[LINE_MAX];
	u32 line_size;
	int in_frame;
	/* on its way to the tty */
	u8 out[OUT_SIZE];
	u32 out_size;
};

/* Implemented by the agent. */
static void stream_bytes(struct link *l, const u8 *data, u32 size);
static void session_began(struct link *l);
static void line_is_bad(struct link *l);

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static u32 link_room(const struct link *l) { return SEND_SIZE - (l->end - l->acknowledged); }

/* Appends to the stream; the caller has asked for room. */
static void link_write(struct link *l, const void *data, u32 size)
{
	for (u32 i = 0; i < size; i++) l->send[(l->end + i) & (SEND_SIZE - 1)] = ((const u8 *)data)[i];
	l->end += size;
}

static void send_frame(struct link *l, u8 *frame, u32 size)
{
	static const u8 no_key[8];
	u8 tagged[1 + LINE_MAX], tag[8];
	u32 bits = 0, have = 0;
	tagged[0] = 'G';
	memcpy(tagged + 1, frame, size);
	half_sip_hash(l->in_session ? l->key : no_key, tagged, size + 1, tag);
	memcpy(frame + size, tag, TAG);
	size += TAG;
	l->out[l->out_size++] = '~';
	for (u32 i = 0; i < size; i++) {
		bits = bits << 8 | frame[i];
		for (have += 8; have >= 6; have -= 6) l->out[l->out_size++] = digits[bits >> (have - 6) & 63];
	}
	if (have) l->out[l->out_size++] = digits[bits << (6 - have) & 63];
	l->out[l->out_size++] = '\n';
}

static int out_has_room(const struct link *l) { return l->out_size + (PIECE_MAX + 32) * 4 / 3 + 8 <= OUT_SIZE; }

/* Builds the answer to HELLO, in a separate frame or in a data frame. @returns its size */
static u32 put_reply(struct link *l, u8 *at)
{
	at[0] = VERSION;
	memcpy(at + 1, l->boot, 4);
	put32(at + 5, (u32)(now_ms() - l->started_ms));
	l->owe_reply = 0;
	return 9;
}

static void send_data(struct link *l, u32 offset, u32 size)
{
	u8 frame[PIECE_MAX + 32];
	u32 head = HEAD, gap = 0;
	frame[0] = DATA | (l->owe_again ? AGAIN : 0);
	put16(frame + 1, offset);
	put16(frame + 3, l->received);
	while (l->owe_again && gap < EARLY && !l->is_early[(l->received + gap) & (EARLY - 1)]) gap++;
	if (gap > 0 && gap < EARLY) {
		frame[0] |= HOLE;
		put16(frame + HEAD, l->received + gap);
		head = HEAD + 2;
	}
	if (l->owe_reply) frame[0] |= REPLIES, head += put_reply(l, frame + head);
	for (u32 i = 0; i < size; i++) frame[head + i] = l->send[(offset + i) & (SEND_SIZE - 1)];
	send_frame(l, frame, head + size);
	l->owe_answer = l->owe_again = 0;
	l->unanswered = 0;
	if (size && !l->retry_at) l->retry_at = now_ms() + l->retry_ms;
}

static void send_reply(struct link *l)
{
	u8 frame[32] = { REPLY };
	send_frame(l, frame, 1 + put_reply(l, frame + 1));
}

static void line_got_worse(struct link *l)
{
	l->clean_pieces = 0;
	l->piece /= 2;
	if (l->piece < PIECE_MIN) l->piece = PIECE_MIN;
}

/* Sends a piece, for the first time (`offset` is `next`) or again. @returns its end offset */
static u32 send_from(struct link *l, u32 offset, u32 until)
{
	u32 size = until - offset;
	if (size > l->piece) size = l->piece;
	if (offset != l->next) l->resent_at = now_ms();
	else if (!l->timed) {
		l->timed = 1;
		l->resent_at = 0;
		l->timed_end = offset + size;
		l->timed_at = now_ms();
	}
	send_data(l, offset, size);
	return offset + size;
}

static u64 clamp(u64 value, u64 least, u64 most) { return value < least ? least : value > most ? most : value; }

/*
 * Sets the retry time from an acknowledgement's delay. After a resend it is unknown which transmission was acknowledged
 * (Karn's algorithm), so no round trip is measured. If it follows the resend within the usual time, it is taken as the
 * resend's. Otherwise the line may have become slow, and the retry time becomes the time since the first transmission.
 */
static void measure_round_trip(struct link *l)
{
	u64 now = now_ms(), took = now - l->timed_at, wanted;
	int timed = l->timed;
	if (timed && (int)(l->acknowledged - l->timed_end) < 0) return;
	l->timed = 0;
	if (timed && !l->resent_at) {
		u64 smoothed = l->smoothed8_ms / 8, off = took > smoothed ? took - smoothed : smoothed - took;
		if (!l->smoothed8_ms) l->smoothed8_ms = 8 * took + 1, l->variation4_ms = 2 * took;
		else {
			l->variation4_ms = l->variation4_ms - l->variation4_ms / 4 + off;
			l->smoothed8_ms = l->smoothed8_ms - smoothed + took;
		}
	}
	wanted = clamp(l->smoothed8_ms / 8 + l->variation4_ms, RETRY_MIN_MS, RETRY_MAX_MS);
	if (timed && l->resent_at && (!l->smoothed8_ms || now - l->resent_at > wanted / 2))
		l->retry_ms = clamp(took, wanted, RETRY_MAX_MS);
	else if (l->smoothed8_ms) l->retry_ms = wanted;
}

/* Whether the tty still holds our characters: characters that have not been sent cannot be lost. */
static int is_on_its_way(const struct link *l)
{
	int left = 0;
	return l->out_size || (SYS(ioctl, l->fd, TIOCOUTQ, &left) >= 0 && left > 0);
}

static void begin_session(struct link *l, const u8 *key)
{
	memcpy(l->key, key, 8);
	l->in_session = 1;
	l->acknowledged = l->next = l->end = l->received = 0;
	memset(l->is_early, 0, EARLY);
	l->retry_at = l->hole_at = l->gather_until = 0;
	l->retry_ms = RETRY_FIRST_MS;
	l->smoothed8_ms = l->variation4_ms = 0;
	l->timed = 0;
	l->owe_reply = l->owe_answer = l->owe_again = l->recovering = 0;
	l->piece = PIECE_FIRST;
	l->clean_pieces = 0;
	session_began(l);
}

static void owe_answer(struct link *l, u64 within_ms)
{
	u64 at = now_ms() + within_ms;
	if (!l->owe_answer || at < l->answer_at) l->answer_at = at;
	l->owe_answer = 1;
}

/* Returns the offset that has these lower 16 bits and is nearest to `near`. */
static u32 whole_offset(u32 lower, u32 near) { return near + (u32)(int)(short)(lower - near); }

static void on_bytes(struct link *l, u32 offset, const u8 *data, u32 length)
{
	u32 got = 0;
	int is_old = (int)(offset + length - l->received) <= 0;
	for (u32 i = 0; i < length; i++)
		if (offset + i - l->received < EARLY) {
			l->early[(offset + i) & (EARLY - 1)] = data[i];
			l->is_early[(offset + i) & (EARLY - 1)] = 1;
		}
	while (got < EARLY && l->is_early[(l->received + got) & (EARLY - 1)]) {
		u32 at = (l->received + got) & (EARLY - 1), run = 0;
		while (at + run < EARLY && l->is_early[at + run]) l->is_early[at + run++] = 0;
		stream_bytes(l, l->early + at, run);
		got += run;
	}
	l->received += got;
	l->unanswered += length;
	owe_answer(l, is_old || l->unanswered > ANSWER_BYTES ? 0 : ANSWER_MS);
	if ((int)(offset - l->received) > 0) l->owe_again = 1;
}

static void on_data(struct link *l, const u8 *frame, u32 size)
{
	u32 offset = whole_offset(get16(frame + 1), l->received), acknowledged = whole_offset(get16(frame + 3), l->acknowledged);
	u32 head = HEAD, hole_end = 0;
	if (frame[0] & HOLE) {
		if (size < HEAD + 2) return;
		hole_end = whole_offset(get16(frame + HEAD), l->acknowledged);
		head = HEAD + 2;
	}
	if (frame[0] & POLL) owe_answer(l, 0);

	if (acknowledged - l->acknowledged <= l->next - l->acknowledged && acknowledged != l->acknowledged) {
		l->acknowledged = acknowledged;
		measure_round_trip(l);
		l->retry_at = l->next == acknowledged ? 0 : now_ms() + l->retry_ms;
		l->hole_at = 0;
		if (++l->clean_pieces >= 8 && l->piece < PIECE_MAX) {
			l->clean_pieces = 0;
			l->piece += l->piece / 4;
			if (l->piece > PIECE_MAX) l->piece = PIECE_MAX;
		}
		if (l->recovering && (int)(l->recover - acknowledged) > 0 && !hole_end && out_has_room(l))
			send_from(l, acknowledged, l->recover);
		else if (l->recovering && (int)(l->recover - acknowledged) <= 0) l->recovering = 0;
	}
	if ((hole_end || frame[0] & AGAIN) && acknowledged == l->acknowledged && l->next != acknowledged) {
		u32 until = hole_end ? hole_end : l->next;
		u64 now = now_ms();
		if (until - acknowledged <= l->next - acknowledged && now >= l->hole_at) {
			l->hole_at = now + clamp(l->smoothed8_ms / 8, HOLE_PAUSE_MS, RETRY_MAX_MS);
			line_got_worse(l);
			for (u32 at = acknowledged; at != until && out_has_room(l);) at = send_from(l, at, until);
		}
	}

	if (size > head) on_bytes(l, offset, frame + head, size - head);
}

/* Handles one line between '~' and its end. Drops lines that are not ours. */
static void on_line(struct link *l)
{
	static const u8 no_key[8];
	u8 frame[1 + LINE_MAX], tag[8];
	u32 size = 1, bits = 0, have = 0;
	frame[0] = 'H';
	for (u32 i = 0; i < l->line_size; i++) {
		u32 value = 0;
		while (value < 64 && digits[value] != l->line[i]) value++;
		if (value == 64) return;
		bits = bits << 6 | value;
		have += 6;
		if (have >= 8) have -= 8, frame[size++] = bits >> have;
	}
	if (size < 1 + 1 + TAG) return;
	size -= TAG;
	u8 kind = frame[1] & 15, wrong = 0;
	half_sip_hash(kind == HELLO || !l->in_session ? no_key : l->key, frame, size, tag);
	for (int i = 0; i < TAG; i++) wrong |= tag[i] ^ frame[size + i];
	if (wrong) return;
	if (kind == HELLO && size >= 1 + 10 && frame[2] == VERSION) {
		u8 other = 0;
		for (int i = 0; i < 8; i++) other |= l->key[i] ^ frame[3 + i];
		if (!l->in_session || other) begin_session(l, frame + 3);
		line_is_bad(l);
		l->owe_reply = 1;
		l->reply_at = 0;
		/*
		 * A host that repeats these first bytes has not received our answer yet, so offset 0 is still near what we have
		 * received. Delay the reply a little: the first command is answered soon, and that frame can carry it.
		 */
		if (size > 1 + 10) {
			if (l->received == 0) l->reply_at = now_ms() + ANSWER_MS;
			on_bytes(l, 0, frame + 11, size - 11);
		}
	} else if (kind == BYE && l->in_session) {
		begin_session(l, no_key);
		l->in_session = 0;
	} else if (kind == DATA && size >= 1 + HEAD && l->in_session) on_data(l, frame + 1, size - 1);
}

static void link_input(struct link *l, const u8 *data, u32 size)
{
	for (u32 i = 0; i < size; i++) {
		u8 c = data[i];
		if (c == '~') l->in_frame = 1, l->line_size = 0;
		else if (!l->in_frame) continue;
		else if (c == '\n' || c == '\r') {
			l->in_frame = 0;
			on_line(l);
		} else if (l->line_size < LINE_MAX) l->line[l->line_size++] = c;
		else l->in_frame = 0;
	}
}

/* Makes frames of the pending data, as far as the tty accepts them. */
static void link_step(struct link *l)
{
	u64 now = now_ms();
	if (l->retry_at && now >= l->retry_at) {
		line_is_bad(l);
		if (is_on_its_way(l)) l->retry_at = now + l->retry_ms;
	}
	if (l->retry_at && now >= l->retry_at && out_has_room(l)) {
		line_got_worse(l);
		l->retry_ms = clamp(l->retry_ms * 2, RETRY_MIN_MS, RETRY_MAX_MS);
		l->retry_at = now + l->retry_ms;
		l->recover = l->next;
		l->recovering = 1;
		u32 at = l->acknowledged;
		for (int i = 0; i < RETRY_PIECES && at != l->next && out_has_room(l); i++) at = send_from(l, at, l->next);
	}
	if (l->end - l->next >= PIECE_FIRST) l->gather_until = 0;
	while (now >= l->gather_until && l->next != l->end && l->next - l->acknowledged < FLIGHT && out_has_room(l))
		l->next = send_from(l, l->next, l->end);
	if ((l->owe_again || (l->owe_answer && now >= l->answer_at)) && out_has_room(l)) send_data(l, l->next, 0);
	if (l->owe_reply && now >= l->reply_at && out_has_room(l)) send_reply(l);
}

#endif
