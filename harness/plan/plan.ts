import path from 'node:path';
import { stableIdOf, stableIdsOf } from '../../src/compare/index.ts';
import { UsageError } from '../../src/lib/index.ts';
import { divisionName, type PlannedCell, type Results } from '../../src/run/index.ts';
import { nearest, unknownName } from '../usage/unknown-name.ts';
import { pmusSpokenOf } from './groups.ts';
import type { Matrix } from './matrix.ts';
import { lacking } from './requirements.ts';
import { divide, type Shard } from './shards.ts';

/** One `pmuTest` or `vmTest` of a case file, as collected. */
export interface CaseDeclaration {
	/** File below `cases/`, without extension, such as `pmu/default-counts`. */
	readonly case: string;
	readonly title: string;
	readonly matrix: Matrix;
	/** Whether cells are about a PMU, with a prediction and a verdict; default yes. */
	readonly isJudged?: boolean;
	/** Whether the case is the user's own, not a shipped one. */
	readonly isOwn?: boolean;
}

/** The user's selection; for anything absent, the cases decide. */
export interface Selection {
	/** Globs or names of cases; empty means the default selection. */
	readonly cases: readonly string[];
	/** `auto` must be resolved to `local` or `board` before planning. */
	readonly on: 'local' | 'board' | `board:${string}` | `ssh://${string}`;
	readonly qemus: readonly string[];
	/** QEMUs for TCG cells, which run on this machine. */
	readonly tcgQemus: readonly { readonly qemu: string; readonly skip: string | null }[];
	readonly machines?: readonly string[];
	readonly pmus?: readonly string[];
	readonly accel?: 'kvm' | 'tcg';
	/** Why guests cannot run under KVM on the selected host; absent if no obstacle is known. */
	readonly noKvm?: string;
	/** Ids of the only cells wanted, which may lie outside the default selection. */
	readonly cells?: readonly string[];
	readonly shard?: Shard;
	/** If no case is named: include the full selection. */
	readonly all?: boolean;
	/** Whether a QEMU has the PMU choice, as far as its program file shows. */
	readonly choices?: Readonly<Record<string, boolean>>;
	/** For cases that make up hosts: how many, and from which seed. */
	readonly random?: RandomHosts;
	/** Guest kernels, if several are compared; a case that names its own has those. `null`: the run's, and not said in ids. */
	readonly kernels?: readonly (string | null)[];
	/** Kernels of boards, likewise. */
	readonly boardKernels?: readonly (string | null)[];
	/**
	 * The folder of the kernel's own tests, for cases that run them, by the board's kernel; the one without a name is for the run's,
	 * and for hosts that are not boards.
	 */
	readonly selftests?: Readonly<Record<string, string>>;
	/** What is known of boards before they start, by topology. */
	readonly boards?: Readonly<Record<string, { readonly pmus: readonly string[]; readonly overflow: boolean }>>;
	/** The command that names the cases, such as `run`, for messages. */
	readonly command?: string;
}

/** How many random hosts a cell makes up, and from which seed. */
export interface RandomHosts {
	readonly count: number;
	readonly seed: number;
}

/** Takes about half a minute on a board. The seed is fixed, so that runs can be compared. */
export const defaultRandomHosts: RandomHosts = { count: 60, seed: 1 };

/** A planned cell with everything that its worker needs. */
export interface Cell extends PlannedCell {
	readonly cpu: string;
	readonly vcpus: number;
	readonly topology: string | null;
	readonly backcompatPmu: boolean | null;
	/** `null`: the run's. */
	readonly kernel: string | null;
	/** `null`: the run's, or the host is not a board. */
	readonly boardKernel: string | null;
	readonly simulate: string | null;
	readonly variant: string | null;
	/** A second QEMU to compare with. */
	readonly reference: string | null;
	/** For cases that make up hosts. */
	readonly random: RandomHosts;
	/** The folder of the kernel's own tests; `null` if there is none. */
	readonly selftests: string | null;
}

/** Where a cell runs: boards of one topology with different kernels are different places. */
export function placeOf({ on, boardKernel }: Pick<Cell, 'on' | 'boardKernel'>): string {
	return boardKernel === null ? on : `${on}@${boardKernel}`;
}

/** The parts of a {@link placeOf}: `on` as in cells, and the kernel if one is named. */
export function partsOfPlace(place: string): { readonly on: string; readonly boardKernel: string | undefined } {
	const at = place.startsWith('board:') ? place.indexOf('@') : -1;
	return at === -1
		? { on: place, boardKernel: undefined }
		: { on: place.slice(0, at), boardKernel: place.slice(at + 1) };
}

/**
 * Multiplies cases with their matrices: every cell of the selection, marked as skipped where the reason is already
 * known. Pure.
 *
 * @throws UsageError if a pattern names no case
 */
export function planCells(declarations: readonly CaseDeclaration[], selection: Selection): Cell[] {
	const named = selection.cells?.map(id => id.replace(/\[.*$/, '')) ?? selection.cases;
	const chosen =
		named.length === 0
			? unnamedCases(declarations, selection)
			: chooseCases(declarations, named, selection.command ?? 'run');
	const all = declarations
		.filter(declaration => chosen.has(declaration.case))
		.flatMap(declaration => cellsOf(declaration, selection));
	const doubled = all.find((cell, index) => all.findIndex(other => other.id === cell.id) !== index);
	if (doubled !== undefined) {
		throw new UsageError(
			`two cells are called '${doubled.id}'; cases of one file must differ in their matrices, for example by 'variant'`,
		);
	}
	const cells = selection.cells === undefined ? all : only(all, selection.cells);
	const { shard } = selection;
	if (shard === undefined || shard.division !== undefined) return cells;
	const parts = divide(cells, shard);
	return cells.filter((_, index) => parts[index] === shard.index);
}

/** Describes which part of a run a shard is. Runs with the same `division` neither omit a cell nor run one twice. */
export function shardOf(
	declarations: readonly CaseDeclaration[],
	{ shard, ...whole }: Selection,
): NonNullable<Results['run']['shard']> | undefined {
	if (shard === undefined) return undefined;
	const { index, count, division } = shard;
	if (division !== undefined) return { index, count, division };
	const cells = planCells(declarations, whole);
	const parts = divide(cells, shard);
	return {
		...{ index, count },
		division: divisionName(
			cells.map(({ id }, place) => [id, parts[place]!]),
			count,
		),
	};
}

/** Returns the cells with these ids. An id from a report, or of another build of QEMU, stands for the only cell with the same stable id. */
function only(cells: readonly Cell[], ids: readonly string[]): Cell[] {
	const known = cells.map(cell => cell.id);
	const names = stableIdsOf(known);
	const wanted = ids.map(id => {
		const found = known.includes(id) ? id : known.find(one => names.get(one) === stableIdOf(id));
		if (found === undefined) throw unknownName('cell', id, "of option '--cell', with the other options given", known);
		return found;
	});
	return cells.filter(cell => wanted.includes(cell.id));
}

/** The cases that run if none is named: the user's own if there are any, else the shipped ones. */
function unnamedCases(
	declarations: readonly CaseDeclaration[],
	{ all = false, selftests = {} }: Selection,
): Set<string> {
	const own = declarations.filter(({ isOwn }) => isOwn === true);
	const pool = own.length > 0 ? own : declarations;
	// Whoever built the kernel's tests wants them run.
	const isWanted = ({ selection, needs }: Matrix) =>
		all || selection !== 'full' || (needs?.selftests === true && Object.keys(selftests).length > 0);
	return new Set(pool.filter(({ matrix }) => isWanted(matrix)).map(declaration => declaration.case));
}

function chooseCases(
	declarations: readonly CaseDeclaration[],
	patterns: readonly string[],
	command: string,
): Set<string> {
	const names = [...new Set(declarations.map(declaration => declaration.case))];
	const chosen = new Set<string>();
	for (const pattern of patterns) {
		const bare = pattern.replace(/^(\.\/)?cases\//, '').replace(/\.m?[jt]s$/, '');
		const matches = names.filter(
			name => path.matchesGlob(name, bare) || name.endsWith(`/${bare}`) || name.startsWith(`${bare}/`),
		);
		if (matches.length === 0) {
			const meant = nearest(bare, [...names, ...names.map(name => name.slice(name.indexOf('/') + 1))]);
			throw new UsageError(
				`unknown case '${pattern}' of 'vpmu ${command}'${meant === undefined ? '' : ` (did you mean '${meant}'?)`}; 'vpmu list' lists them: ${names.join(', ')}`,
			);
		}
		for (const name of matches) chosen.add(name);
	}
	return chosen;
}

function cellsOf({ case: name, title, matrix }: CaseDeclaration, selection: Selection): Cell[] {
	const cells: Cell[] = [];
	const accels = (matrix.accel ?? ['kvm']).filter(accel => selection.accel === undefined || selection.accel === accel);
	for (const accel of accels) {
		for (const place of accel === 'tcg'
			? [{ on: 'local', topology: null, skip: null }]
			: places(name, matrix, selection)) {
			for (const { qemu, skip } of accel === 'tcg'
				? selection.tcgQemus
				: qemusFor(matrix, selection).map(one => ({ qemu: one, skip: place.skip }))) {
				for (const axes of choices(matrix, selection, accel, place.on)) {
					const facets = [
						place.on.replace(/^board:/, ''),
						qemu,
						axes.machine,
						...(axes.pmu === null ? [] : [`pmu=${axes.pmu}`]),
						...(axes.backcompatPmu === null ? [] : [`backcompat-pmu=${axes.backcompatPmu ? 'on' : 'off'}`]),
						...(axes.cpu === (accel === 'tcg' ? 'max' : 'host') ? [] : [axes.cpu]),
						...(axes.cpuPmu === null ? [] : [`cpu.pmu=${axes.cpuPmu ? 'on' : 'off'}`]),
						...(axes.vcpus === 1 ? [] : [`vcpus=${axes.vcpus}`]),
						...(axes.kernel === null ? [] : [`kernel=${axes.kernel}`]),
						...(axes.boardKernel === null ? [] : [`board-kernel=${axes.boardKernel}`]),
						...(axes.simulate === null ? [] : [`simulate=${axes.simulate}`]),
						...(axes.variant === null ? [] : [axes.variant]),
						...(accel === 'tcg' ? ['tcg'] : []),
					];
					cells.push({
						...{ id: `${name}[${facets.join(',')}]`, case: name, title, qemu, accel, ...place, ...axes },
						reference: matrix.reference ?? null,
						random: selection.random ?? defaultRandomHosts,
						selftests: matrix.needs?.selftests === true ? selftestsFor(axes, selection) : null,
						skip: skip ?? lackingSoFar(matrix, selection, place, qemu, axes),
					});
				}
			}
		}
	}
	return cells;
}

function selftestsFor({ boardKernel }: Pick<Axes, 'boardKernel'>, { selftests = {} }: Selection): string | null {
	return selftests[boardKernel ?? ''] ?? null;
}

function qemusFor({ perHost = false }: Matrix, { qemus }: Selection): string[] {
	const all = [...new Set(qemus)];
	return perHost ? all.slice(0, 1) : all;
}

/** Hosts on which a KVM cell of the case runs or is skipped. */
function places(
	name: string,
	matrix: Matrix,
	{ on, noKvm, boards }: Selection,
): { on: string; topology: string | null; skip: string | null }[] {
	const { topology: needed, otherTopologies = [] } = matrix;
	const unknown = [...(needed ?? []), ...otherTopologies].find(one => boards !== undefined && !(one in boards));
	if (unknown !== undefined) {
		throw unknownName('topology', unknown, `in the matrix of case '${name}'`, Object.keys(boards!));
	}
	if (on === 'board')
		return (needed ?? ['uniform']).map(topology => ({ on: `board:${topology}`, topology, skip: null }));
	if (on.startsWith('board:')) {
		const topology = on.slice('board:'.length);
		const wanted = needed === undefined ? undefined : [...needed, ...otherTopologies];
		const skip =
			wanted === undefined || wanted.includes(topology)
				? null
				: `needs topology ${wanted.join(' or ')}; the board is ${topology} (--on ${on})`;
		return [{ on, topology, skip }];
	}
	// The shape of a real host is known only after a probe: the cell checks it.
	return [{ on, topology: null, skip: noKvm ?? null }];
}

/** Returns why a cell means nothing, as far as that is known before anything starts. */
function lackingSoFar(
	matrix: Matrix,
	selection: Selection,
	place: { readonly on: string; readonly topology: string | null },
	qemu: string,
	axes: Axes,
): string | null {
	const { choices: hasChoice, boards } = selection;
	const selftests = selftestsFor(axes, selection);
	const board = place.topology === null ? undefined : boards?.[place.topology];
	const needs = { ...matrix.needs, pmus: Math.max(matrix.needs?.pmus ?? 0, pmusSpokenOf(axes.pmu)) };
	const [pmus, overflow, hasPmuChoice] = [board?.pmus, board?.overflow, hasChoice?.[qemu]];
	return lacking(needs, { host: place.on, qemu, hasPmuChoice, pmus, overflow, selftests }) ?? null;
}

type Axes = Pick<
	Cell,
	'machine' | 'pmu' | 'cpuPmu' | 'cpu' | 'vcpus' | 'backcompatPmu' | 'kernel' | 'boardKernel' | 'simulate' | 'variant'
>;

function choices(matrix: Matrix, selection: Selection, accel: 'kvm' | 'tcg', on: string): Axes[] {
	let all: Axes[] = [
		{
			machine: 'virt',
			pmu: null,
			cpuPmu: null,
			cpu: accel === 'tcg' ? 'max' : 'host',
			vcpus: 1,
			backcompatPmu: null,
			kernel: null,
			boardKernel: null,
			simulate: null,
			variant: null,
		},
	];
	const cross = <K extends keyof Axes>(axis: K, values: readonly Axes[K][] | undefined) => {
		if (values !== undefined)
			all = all.flatMap(axes => [...new Set(values)].map(value => ({ ...axes, [axis]: value })));
	};
	const { machines, pmus }: Pick<Selection, 'machines' | 'pmus'> = matrix.perHost === true ? {} : selection;
	cross('machine', machines ?? matrix.machine);
	cross('pmu', accel === 'tcg' ? undefined : (pmus ?? matrix.pmu));
	cross('backcompatPmu', matrix.backcompatPmu);
	cross('cpu', matrix.cpu);
	cross('cpuPmu', matrix.cpuPmu);
	cross('vcpus', matrix.vcpus);
	cross('kernel', matrix.kernel ?? (matrix.perHost === true ? undefined : selection.kernels));
	cross('boardKernel', on.startsWith('board:') ? selection.boardKernels : undefined);
	cross('simulate', matrix.simulate);
	cross('variant', matrix.variant);
	return all;
}
