/*
 * HalfSipHash-2-4 with a 64-bit result (J.-P. Aumasson, D. J. Bernstein: a keyed hash on 32-bit words): distinguishes our frames
 * from everything else on the line. SHA-256 (FIPS 180-4): verifies file contents.
 */
#ifndef VPMU_HASH_H
#define VPMU_HASH_H
#include "../common/sys.h"

static inline u32 rotate_left(u32 x, int n) { return x << n | x >> (32 - n); }

static void sip_rounds(u32 v[4], int rounds)
{
	while (rounds--) {
		v[0] += v[1]; v[1] = rotate_left(v[1], 5); v[1] ^= v[0]; v[0] = rotate_left(v[0], 16);
		v[2] += v[3]; v[3] = rotate_left(v[3], 8); v[3] ^= v[2];
		v[0] += v[3]; v[3] = rotate_left(v[3], 7); v[3] ^= v[0];
		v[2] += v[1]; v[1] = rotate_left(v[1], 13); v[1] ^= v[2]; v[2] = rotate_left(v[2], 16);
	}
}

static void half_sip_hash(const u8 key[8], const u8 *data, u32 size, u8 tag[8])
{
	u32 k0 = get32(key), k1 = get32(key + 4), i = 0;
	u32 v[4] = { k0, k1 ^ 0xee, 0x6c796765 ^ k0, 0x74656462 ^ k1 };
	u32 last = size << 24;
	for (; i + 4 <= size; i += 4) {
		u32 m = get32(data + i);
		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	for (u32 j = 0; i + j < size; j++) last |= (u32)data[i + j] << (8 * j);
	v[3] ^= last;
	sip_rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xee;
	sip_rounds(v, 4);
	put32(tag, v[1] ^ v[3]);
	v[1] ^= 0xdd;
	sip_rounds(v, 4);
	put32(tag + 4, v[1] ^ v[3]);
}

struct sha256 { u32 state[8]; u64 size; u8 block[64]; };

static const u32 sha256_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
	0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
	0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
	0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void sha256_begin(struct sha256 *s)
{
	static const u32 initial[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
		0x5be0cd19 };
	for (int i = 0; i < 8; i++) s->state[i] = initial[i];
	s->size = 0;
}

static inline u32 rotate_right(u32 x, int n) { return x >> n | x << (32 - n); }

static void sha256_block(struct sha256 *s)
{
	u32 w[64], h[8];
	for (int i = 0; i < 16; i++) {
		const u8 *p = s->block + 4 * i;
		w[i] = (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
	}
	for (int i = 16; i < 64; i++) {
		u32 a = w[i - 15], b = w[i - 2];
		w[i] = w[i - 16] + w[i - 7] + (rotate_right(a, 7) ^ rotate_right(a, 18) ^ a >> 3) +
			(rotate_right(b, 17) ^ rotate_right(b, 19) ^ b >> 10);
	}
	for (int i = 0; i < 8; i++) h[i] = s->state[i];
	for (int i = 0; i < 64; i++) {
		u32 t1 = h[7] + (rotate_right(h[4], 6) ^ rotate_right(h[4], 11) ^ rotate_right(h[4], 25)) +
			((h[4] & h[5]) ^ (~h[4] & h[6])) + sha256_k[i] + w[i];
		u32 t2 = (rotate_right(h[0], 2) ^ rotate_right(h[0], 13) ^ rotate_right(h[0], 22)) +
			((h[0] & h[1]) ^ (h[0] & h[2]) ^ (h[1] & h[2]));
		for (int j = 7; j > 0; j--) h[j] = h[j - 1];
		h[4] += t1;
		h[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++) s->state[i] += h[i];
}

static void sha256_add(struct sha256 *s, const u8 *data, u64 size)
{
	while (size--) {
		s->block[s->size++ & 63] = *data++;
		if ((s->size & 63) == 0) sha256_block(s);
	}
}

static void sha256_end(struct sha256 *s, u8 result[32])
{
	u64 bits = s->size * 8;
	u8 byte = 0x80;
	do sha256_add(s, &byte, 1), byte = 0;
	while ((s->size & 63) != 56);
	for (int i = 7; i >= 0; i--) byte = bits >> (8 * i), sha256_add(s, &byte, 1);
	for (int i = 0; i < 32; i++) result[i] = s->state[i / 4] >> (24 - 8 * (i % 4));
}

#endif
