import type { GuestReading, Observations } from '../verdict/observed.ts';

// What layers show when all is well, to be put together and falsified.

export function reading(pinned: string | null, more: Partial<GuestReading> = {}): GuestReading {
	return {
		event: 'cycles',
		state: 'counted',
		count: 5_506_682n,
		runningPct: 100,
		pinned,
		worked: true,
		...more,
	};
}

export const guestWith = (...readings: GuestReading[]): Observations['guest'] & {} => ({
	pmuNode: true,
	eventSources: ['armv8_pmuv3_0', 'breakpoint', 'software'],
	counters: 7,
	readings,
});
export const guestWithout = (...readings: GuestReading[]): Observations['guest'] & {} => ({
	pmuNode: false,
	eventSources: ['breakpoint', 'software'],
	counters: null,
	readings,
});
export const qmp = (cpuPmu: boolean | 'absent'): Observations['qmp'] & {} => ({
	kvm: { enabled: true, present: true },
	cpuPmu,
	runState: 'running',
});
export const traced = (...types: number[]): Observations['trace'] & {} => ({
	events: 'known',
	setPmu: types.map(type => ({ type, ret: 0 })),
	setFixedCountersOnly: [],
});
export const notSupported = { state: 'not-supported', count: null, runningPct: null } as const;
export const stuck = { state: 'stuck', count: null, runningPct: null, worked: false } as const;
export const zero = { count: 0n } as const;
export const running = { state: 'running' } as const;
export const quiet = { unread: null, reports: [], known: [] };
