/** Bounds of the retry time, and its value before the first measurement; milliseconds. */
export interface RoundTripLimits {
	readonly firstMs: number;
	readonly leastMs: number;
	readonly mostMs: number;
}

/**
 * Computes how long to wait for an acknowledgement before resending: the smoothed round trip plus four times its variation
 * (RFC 6298), doubled by each retry. The agent's end does the same (images/tools/agent/link.h).
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

	/** After how long an unacknowledged piece is sent again. */
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

	/** Something was resent. */
	resent(now: number): void {
		if (this.#timed !== undefined) this.#timed.resentAt = now;
	}

	/** The time ran out: the next wait is twice as long. */
	backOff(): void {
		this.#retryMs = this.#clamp(2 * this.#retryMs);
	}

	/**
	 * Bytes up to `offset` are acknowledged. After a resend it is unknown which transmission was acknowledged (Karn's
	 * algorithm), so no round trip is measured. If the acknowledgement follows the resend within the usual time, it is taken as
	 * the resend's. Otherwise the line may have become slow, and the retry time becomes the time since the first transmission.
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
