/** Reads exact numbers of bytes from a stream that comes in pieces of any size. */
export class Pieces {
	readonly #source: AsyncIterator<Uint8Array>;
	#rest: Buffer = Buffer.alloc(0);

	constructor(source: AsyncIterable<Uint8Array>) {
		this.#source = source[Symbol.asyncIterator]();
	}

	/** Returns the next `count` bytes; `undefined` if the stream ends before. For small counts: they are kept in memory. */
	async take(count: number): Promise<Buffer | undefined> {
		if (this.#rest.length >= count) return this.#cut(count);
		const pieces: Buffer[] = [];
		let left = count;
		while (left > 0) {
			if (this.#rest.length === 0 && !(await this.#more())) return undefined;
			const piece = this.#cut(left);
			pieces.push(piece);
			left -= piece.length;
		}
		return Buffer.concat(pieces, count);
	}

	/** Yields as many bytes as `rest` says, and counts them off it. @throws what `early` makes, if the stream ends before */
	async *read(rest: { left: number }, early: () => Error): AsyncGenerator<Buffer> {
		while (rest.left > 0) {
			if (this.#rest.length === 0 && !(await this.#more())) throw early();
			const piece = this.#cut(rest.left);
			rest.left -= piece.length;
			yield piece;
		}
	}

	/** Passes over bytes. @returns whether there were so many */
	async skip(count: number): Promise<boolean> {
		for (let left = count; left > 0; ) {
			if (this.#rest.length === 0 && !(await this.#more())) return false;
			left -= this.#cut(left).length;
		}
		return true;
	}

	/** Reads to the end, so that whatever the stream comes from can check that it is whole. */
	async skipAll(): Promise<void> {
		this.#rest = Buffer.alloc(0);
		while (await this.#more()) this.#rest = Buffer.alloc(0);
	}

	async #more(): Promise<boolean> {
		for (;;) {
			const { done, value } = await this.#source.next();
			if (done) return false;
			this.#rest = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
			if (this.#rest.length > 0) return true;
		}
	}

	#cut(most: number): Buffer {
		const piece = this.#rest.subarray(0, most);
		this.#rest = this.#rest.subarray(piece.length);
		return piece;
	}
}
