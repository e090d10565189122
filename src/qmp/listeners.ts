import { UsageError } from '../lib/errors.ts';
import { DeadlineError, type WaitOptions, within } from '../lib/waiting/deadline.ts';
import { QmpError } from './errors.ts';
import type { QmpEvent } from './wire/messages.ts';

/** Which events to take: a name, or a predicate over the received event. */
export type QmpEventFilter = string | ((event: QmpEvent) => boolean);

export interface ListenOptions {
	/**
	 * Maximum number of queued events: 10,000 by default, and at most 64 MiB in total. One more event ends the listener with
	 * `QMP_OVERFLOW`.
	 */
	readonly capacity?: number;
	/** Ends the listener with the signal's reason. */
	readonly signal?: AbortSignal | undefined;
}

/** Why a connection ended: an error, or nothing if this side closed it. */
export type EndOfEvents = { readonly error: Error | undefined };

const defaultCapacity = 10_000;
const capacityBytes = 64 * 1024 * 1024;

/**
 * A private queue of matching events, filled from its creation on. Iterating takes events from it. When the connection ends,
 * queued events are still delivered; then the iteration throws the cause, or ends normally if this side closed the
 * connection. Leaving the loop, `return()` or disposal unsubscribes.
 */
export class QmpEventListener<Event = QmpEvent> implements AsyncIterableIterator<Event, void>, AsyncDisposable {
	readonly #filter: QmpEventFilter;
	readonly #capacity: number;
	readonly #signal: AbortSignal | undefined;
	readonly #detach: (listener: QmpEventListener<Event>) => void;
	readonly #onAbort = () => this.end({ error: this.#signal?.reason as Error });
	#queue: { readonly event: Event; readonly bytes: number }[] = [];
	#queuedBytes = 0;
	/** Index of the first queued event. A shift of a long array would take linear time. */
	#head = 0;
	#waiters: PromiseWithResolvers<IteratorResult<Event, void>>[] = [];
	#end: EndOfEvents | undefined;

	constructor(
		filter: QmpEventFilter | undefined,
		options: ListenOptions,
		detach: (listener: QmpEventListener<Event>) => void,
	) {
		this.#filter = filter ?? (() => true);
		this.#capacity = options.capacity ?? defaultCapacity;
		if (!(this.#capacity >= 1)) throw new UsageError(`capacity is ${this.#capacity}; it needs at least one event`);
		this.#signal = options.signal;
		this.#detach = detach;
		this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
		if (this.#signal?.aborted === true) this.#onAbort();
	}

	/** Number of queued events. */
	get size(): number {
		return this.#queue.length - this.#head;
	}

	/**
	 * @internal Queues the event if it matches. A predicate that throws ends only this listener, with that error. `bytes`:
	 *   length of the event's text.
	 */
	offer(event: QmpEvent, bytes: number): void {
		if (this.#end !== undefined) return;
		try {
			if (typeof this.#filter === 'string' ? event.event !== this.#filter : !this.#filter(event)) return;
		} catch (error) {
			this.end({ error: error as Error });
			return;
		}
		const waiter = this.#waiters.shift();
		if (waiter !== undefined) waiter.resolve({ done: false, value: event as Event });
		else if (this.size < this.#capacity && this.#queuedBytes + bytes <= capacityBytes) {
			this.#queue.push({ event: event as Event, bytes });
			this.#queuedBytes += bytes;
		} else {
			const message = `an event listener is full: ${this.size} events wait to be taken, and ${event.event} came`;
			this.end({ error: new QmpError('QMP_OVERFLOW', message) });
		}
	}

	/** @internal */
	end(end: EndOfEvents): void {
		if (this.#end !== undefined) return;
		this.#end = end;
		this.#signal?.removeEventListener('abort', this.#onAbort);
		this.#detach(this);
		const [first, ...others] = this.#waiters;
		this.#waiters = [];
		if (first === undefined) return;
		if (end.error !== undefined) {
			this.#end = { error: undefined };
			first.reject(end.error);
		} else first.resolve({ done: true, value: undefined });
		for (const waiter of others) waiter.resolve({ done: true, value: undefined });
	}

	next(): Promise<IteratorResult<Event, void>> {
		if (this.#head < this.#queue.length) {
			const { event: value, bytes } = this.#queue[this.#head++]!;
			this.#queuedBytes -= bytes;
			if (this.#head > 64 && this.#head * 2 > this.#queue.length) {
				this.#queue = this.#queue.slice(this.#head);
				this.#head = 0;
			}
			return Promise.resolve({ done: false, value });
		}
		if (this.#end !== undefined) {
			const { error } = this.#end;
			this.#end = { error: undefined };
			return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
		}
		const waiter = Promise.withResolvers<IteratorResult<Event, void>>();
		this.#waiters.push(waiter);
		return waiter.promise;
	}

	/** Unsubscribes and drops the queued events. */
	return(): Promise<IteratorResult<Event, void>> {
		this.end({ error: undefined });
		this.#end = { error: undefined };
		this.#queue = [];
		this.#queuedBytes = 0;
		this.#head = 0;
		return Promise.resolve({ done: true, value: undefined });
	}

	[Symbol.asyncIterator](): this {
		return this;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.return();
	}
}

/** All listeners of a connection. Each one gets every matching event. */
export class Listeners {
	readonly #listeners = new Set<QmpEventListener>();
	#end: EndOfEvents | undefined;

	/** Number of current listeners. */
	get size(): number {
		return this.#listeners.size;
	}

	listen(filter?: QmpEventFilter, options: ListenOptions = {}): QmpEventListener {
		const listener = new QmpEventListener(filter, options, ended => this.#listeners.delete(ended));
		if (this.#end !== undefined) listener.end(this.#end);
		else if (options.signal?.aborted !== true) this.#listeners.add(listener);
		return listener;
	}

	/** Waits for the first matching event. @throws QmpError `QMP_TIMEOUT`; the cause when the connection ends */
	async wait(filter: QmpEventFilter, { signal, timeoutMs }: WaitOptions, closed: () => QmpError): Promise<QmpEvent> {
		const listener = this.listen(filter, { capacity: 1, signal });
		const what = typeof filter === 'string' ? `the event ${filter}` : 'an event that matches';
		try {
			const next = listener.next();
			const { done, value } = await (timeoutMs === undefined ? next : within(what, next, { timeoutMs }));
			if (done === true) throw closed();
			return value;
		} catch (error) {
			if (error instanceof DeadlineError) throw new QmpError('QMP_TIMEOUT', error.message, { cause: error });
			throw error;
		} finally {
			await listener.return();
		}
	}

	deliver(event: QmpEvent, bytes: number): void {
		for (const listener of this.#listeners) listener.offer(event, bytes);
	}

	end(end: EndOfEvents): void {
		this.#end ??= end;
		for (const listener of [...this.#listeners]) listener.end(end);
	}
}
