import { type PlannedCell, UsageError } from '../src/index.ts';
import { nearest, unknownName } from './cli/command.ts';
import type { Matrix } from './matrix.ts';

/** One `pmuTest` of a case file, as collected. */
export interface CaseDeclaration {
	/** File below `cases/`, without extension, such as `pmu/default-counts`. */
	readonly case: string;
	readonly title: string;
	readonly matrix: Matrix;
}

/** What the user chose; everything that is absent is the cases' own choice. */
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
	/** Ids of the only cells wanted; their cases need not be in the default selection. */
	readonly cells?: readonly string[];
	readonly shard?: { readonly index: number; readonly count: number };
}

/** A planned cell with all that its worker needs to run it. */
export interface Cell extends PlannedCell {
	readonly cpu: string;
	readonly vcpus: number;
	readonly topology: string | null;
	readonly backcompatPmu: boolean | null;
	readonly kernel: string | null;
	readonly simulate: string | null;
}

/**
 * Cases times matrix: every cell that the selection asks for, with its skip where that is known before anything is
 * started. Pure.
 *
 * @throws UsageError when a pattern names no case
 */
export function planCells(declarations: readonly CaseDeclaration[], selection: Selection): Cell[] {
	const names = [...new Set(declarations.map(declaration => declaration.case))];
	const named = selection.cells?.map(id => id.replace(/\[.*$/, ''));
	const chosen = chooseCases(names, declarations, named ?? selection.cases);
	const all = declarations
		.filter(declaration => chosen.has(declaration.case))
		.flatMap(declaration => cellsOf(declaration, selection));
	const cells = selection.cells === undefined ? all : only(all, selection.cells);
	const { shard } = selection;
	return shard === undefined ? cells : cells.filter((_, index) => index % shard.count === shard.index - 1);
}

function only(cells: readonly Cell[], ids: readonly string[]): Cell[] {
	const known = cells.map(cell => cell.id);
	for (const id of ids) {
		if (!known.includes(id)) throw unknownName('cell', id, "of option '--cell', with the other options given", known);
	}
	return cells.filter(cell => ids.includes(cell.id));
}

function chooseCases(
	names: readonly string[],
	declarations: readonly CaseDeclaration[],
	patterns: readonly string[],
): Set<string> {
	if (patterns.length === 0) {
		return new Set(
			declarations.filter(({ matrix }) => matrix.selection !== 'full').map(declaration => declaration.case),
		);
	}
	const chosen = new Set<string>();
	for (const pattern of patterns) {
		const bare = pattern.replace(/^(\.\/)?cases\//, '').replace(/\.ts$/, '');
		const expression = globExpression(bare);
		const matches = names.filter(
			name => expression.test(name) || name.endsWith(`/${bare}`) || name.startsWith(`${bare}/`),
		);
		if (matches.length === 0) {
			const meant = nearest(bare, [...names, ...names.map(name => name.slice(name.indexOf('/') + 1))]);
			throw new UsageError(
				`unknown case '${pattern}' of 'vpmu run'${meant === undefined ? '' : ` (did you mean '${meant}'?)`}; 'vpmu list' lists them: ${names.join(', ')}`,
			);
		}
		for (const name of matches) chosen.add(name);
	}
	return chosen;
}

/** `*` within a folder, `**` across folders, `?` one character; everything else stands for itself. */
function globExpression(glob: string): RegExp {
	const source = glob
		.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
		.replaceAll(/\*\*|\*|\?/g, found => ({ '**': '.*', '*': '[^/]*', '?': '[^/]' })[found]!);
	return new RegExp(`^${source}$`);
}

function cellsOf({ case: name, title, matrix }: CaseDeclaration, selection: Selection): Cell[] {
	const cells: Cell[] = [];
	const accels = (matrix.accel ?? ['kvm']).filter(accel => selection.accel === undefined || selection.accel === accel);
	for (const accel of accels) {
		for (const place of accel === 'tcg' ? [{ on: 'local', topology: null, skip: null }] : places(matrix, selection)) {
			for (const { qemu, skip } of accel === 'tcg'
				? selection.tcgQemus
				: selection.qemus.map(one => ({ qemu: one, skip: place.skip }))) {
				for (const axes of choices(matrix, selection, accel)) {
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
						...(axes.simulate === null ? [] : [`simulate=${axes.simulate}`]),
						...(accel === 'tcg' ? ['tcg'] : []),
					];
					cells.push({ id: `${name}[${facets.join(',')}]`, case: name, title, qemu, accel, ...place, skip, ...axes });
				}
			}
		}
	}
	return cells;
}

/** Hosts on which a KVM cell of the case runs, or is skipped. */
function places(matrix: Matrix, { on }: Selection): { on: string; topology: string | null; skip: string | null }[] {
	const wanted = matrix.topology ?? ['uniform'];
	if (on === 'board') return wanted.map(topology => ({ on: `board:${topology}`, topology, skip: null }));
	if (on.startsWith('board:')) {
		const topology = on.slice('board:'.length);
		const skip = wanted.includes(topology)
			? null
			: `needs topology ${wanted.join(' or ')}; the board is ${topology} (--on ${on})`;
		return [{ on, topology, skip }];
	}
	// A real host's shape is known only once it has been probed: the worker compares it with the matrix.
	return [{ on, topology: null, skip: null }];
}

type Axes = Pick<Cell, 'machine' | 'pmu' | 'cpuPmu' | 'cpu' | 'vcpus' | 'backcompatPmu' | 'kernel' | 'simulate'>;

function choices(matrix: Matrix, selection: Selection, accel: 'kvm' | 'tcg'): Axes[] {
	let all: Axes[] = [
		{
			machine: 'virt',
			pmu: null,
			cpuPmu: null,
			cpu: accel === 'tcg' ? 'max' : 'host',
			vcpus: 1,
			backcompatPmu: null,
			kernel: null,
			simulate: null,
		},
	];
	const cross = <K extends keyof Axes>(axis: K, values: readonly Axes[K][] | undefined) => {
		if (values !== undefined) all = all.flatMap(axes => values.map(value => ({ ...axes, [axis]: value })));
	};
	cross('machine', selection.machines ?? matrix.machine);
	cross('pmu', accel === 'tcg' ? undefined : (selection.pmus ?? matrix.pmu));
	cross('backcompatPmu', matrix.backcompatPmu);
	cross('cpu', matrix.cpu);
	cross('cpuPmu', matrix.cpuPmu);
	cross('vcpus', matrix.vcpus);
	cross('kernel', matrix.kernel);
	cross('simulate', matrix.simulate);
	return all;
}
