const rotate = (x: number, n: number): number => (x << n) | (x >>> (32 - n));

/**
 * Computes HalfSipHash-2-4 with a 64-bit result (Aumasson and Bernstein's keyed hash on 32-bit words, as their reference
 * implementation defines it). Key: 8 bytes. Writes the result into `tag` at `at`.
 */
export function halfSipHash(key: Uint8Array, data: Uint8Array, tag: Uint8Array, at = 0): void {
	const word = (bytes: Uint8Array, i: number) =>
		bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
	const k0 = word(key, 0);
	const k1 = word(key, 4);
	let v0 = k0;
	let v1 = k1 ^ 0xee;
	let v2 = 0x6c796765 ^ k0;
	let v3 = 0x74656462 ^ k1;
	const rounds = (count: number) => {
		for (let i = 0; i < count; i++) {
			v0 = (v0 + v1) | 0;
			v1 = rotate(v1, 5) ^ v0;
			v0 = rotate(v0, 16);
			v2 = (v2 + v3) | 0;
			v3 = rotate(v3, 8) ^ v2;
			v0 = (v0 + v3) | 0;
			v3 = rotate(v3, 7) ^ v0;
			v2 = (v2 + v1) | 0;
			v1 = rotate(v1, 13) ^ v2;
			v2 = rotate(v2, 16);
		}
	};
	const write = (value: number, offset: number) => {
		for (let i = 0; i < 4; i++) tag[at + offset + i] = value >>> (8 * i);
	};
	const whole = data.length & ~3;
	for (let i = 0; i < whole; i += 4) {
		const m = word(data, i);
		v3 ^= m;
		rounds(2);
		v0 ^= m;
	}
	let last = data.length << 24;
	for (let i = whole; i < data.length; i++) last |= data[i]! << (8 * (i - whole));
	v3 ^= last;
	rounds(2);
	v0 ^= last;
	v2 ^= 0xee;
	rounds(4);
	write(v1 ^ v3, 0);
	v1 ^= 0xdd;
	rounds(4);
	write(v1 ^ v3, 4);
}
