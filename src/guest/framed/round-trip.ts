/** Bounds of the retry time, and what stands before anything is measured; milliseconds. */
export interface RoundTripLimits {
	readonly firstMs: number;
	readonly leastMs: number;
	readonly mostMs: number;
}

/**
 * How long to wait for an acknowledgement before sending again: the smoothed round trip and four times its variation
 * (RFC 6298), doubled by each retry. The agent's own end does the same (images/tools/agent/link.h).
 */
export class RoundTrip {
	readonly #limits: RoundTripLimits;
	#smoothedMs: number | undefined;
	#variationMs = 0;
	#retryMs: number;
	#timed: { readonly end: number; readonly at: number; resentAt?: number } | undefined;

	constructor(limits: RoundTripLimits) {
		this.#limits = limits;
		this.#retryMs = limits.firstMs;
	}

	/** After how long an unacknowledged piece is to be sent again. */
	get retryMs(): number {
		return this.#retryMs;
	}

	/** The smoothed round trip; 0 before the first measurement. */
	get smoothedMs(): number {
		return this.#smoothedMs ?? 0;
	}

	/** Bytes up to `end` are sent for the first time. */
	sent(end: number, now: number): void {
		this.#timed ??= { end, at: now };
	}

	/** Something was sent again. */
	resent(now: number): void {
		if (this.#timed !== undefined) this.#timed.resentAt = now;
	}

	/** The time ran out: twice as long for the next one. */
	backOff(): void {
		this.#retryMs = this.#clamp(2 * this.#retryMs);
	}

	/**
	 * Bytes up to `offset` are acknowledged. After a resend it cannot be told which sending is meant (Karn's algorithm), so
	 * nothing is learned. An acknowledgement that follows the resend as soon as they usually do is taken for the resend's;
	 * else the line may have become slow, and the retry time is what the first sending took.
	 */
	acknowledged(offset: number, now: number): void {
		const timed = this.#timed;
		if (timed !== undefined && offset < timed.end) return;
		this.#timed = undefined;
		if (timed?.resentAt === undefined) {
			if (timed !== undefined) this.#learn(now - timed.at);
			if (this.#smoothedMs !== undefined) this.#retryMs = this.#wantedMs;
			return;
		}
		const isUsual = this.#smoothedMs !== undefined && now - timed.resentAt <= this.#wantedMs / 2;
		this.#retryMs = isUsual ? this.#wantedMs : Math.max(this.#wantedMs, this.#clamp(now - timed.at));
	}

	get #wantedMs(): number {
		return this.#clamp(this.smoothedMs + 4 * this.#variationMs);
	}

	#learn(tookMs: number): void {
		if (this.#smoothedMs === undefined) {
			this.#smoothedMs = tookMs;
			this.#variationMs = tookMs / 2;
			return;
		}
		this.#variationMs = 0.75 * this.#variationMs + 0.25 * Math.abs(this.#smoothedMs - tookMs);
		this.#smoothedMs = 0.875 * this.#smoothedMs + 0.125 * tookMs;
	}

	#clamp(ms: number): number {
		return Math.min(this.#limits.mostMs, Math.max(this.#limits.leastMs, ms));
	}
}
