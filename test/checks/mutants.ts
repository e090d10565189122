import { stripTypeScriptTypes } from 'node:module';
import { type Node, parse } from 'acorn';
import { fullAncestor } from 'acorn-walk';

/** One check taken out of one file. */
export interface Mutant {
	/** Names it independently of line numbers: file, function, what was done, the check's text. */
	readonly id: string;
	/** From the root of the repository. */
	readonly file: string;
	readonly line: number;
	/** The check's text, in one line. */
	readonly check: string;
	/** What was done to it. */
	readonly change: string;
	readonly start: number;
	readonly end: number;
	readonly replacement: string;
}

// biome-ignore lint/suspicious/noExplicitAny: acorn's node type lists no members of kinds of nodes.
type AnyNode = Node & Record<string, any>;

const comparisons = /^(===|!==|==|!=|<|<=|>|>=|instanceof|in)$/;
/** Methods that answer yes or no. */
const predicates = /^(test|some|every|includes|has|hasOwn|startsWith|endsWith|covers|isArray|isInteger)$/;
/** Functions that word what others decided. */
const wordings = /^(describe|\w*View$|nameOf$|wordOf$)/;
/** Members and variables that hold words. */
const words = /^(why|because|reason|evidence|message|where|said|wanted|seen)$/;

/** Removes a file's types. Positions stay the same. */
export function stripped(source: string): string {
	return stripTypeScriptTypes(source, { mode: 'strip' });
}

/** Whether a node answers yes or no, as far as its form shows. */
function isPredicate(node: AnyNode): boolean {
	if (node.type === 'BinaryExpression') return comparisons.test(node.operator);
	if (node.type === 'UnaryExpression') return node.operator === '!';
	if (node.type !== 'CallExpression') return false;
	return node.callee.type === 'MemberExpression' && predicates.test(node.callee.property.name ?? '');
}

/** Whether a node only affects wording. */
function isWording(ancestors: readonly AnyNode[]): boolean {
	return ancestors.some((node, at) => {
		const child = ancestors[at + 1];
		if (node.type === 'TemplateLiteral') return true;
		if (node.type === 'FunctionDeclaration') return wordings.test(node.id?.name ?? '');
		if (node.type === 'VariableDeclarator') return wordings.test(node.id.name ?? '') || words.test(node.id.name ?? '');
		if (node.type === 'Property') return words.test(node.key.name ?? '') && child === node.value;
		if (node.type !== 'CallExpression') return false;
		const isCheck = node.callee.name === 'check' || node.callee.callee?.name === 'on';
		return isCheck && node.arguments.indexOf(child) >= 2;
	});
}

/** The function or the variable of a module around a node. */
function placeOf(ancestors: readonly AnyNode[]): string {
	const names = ancestors.map(node => {
		if (node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration') return node.id?.name;
		if (node.type === 'MethodDefinition') return node.key.name;
		if (node.type === 'VariableDeclarator') return node.id.name;
		return undefined;
	});
	return names.filter(name => name !== undefined).join('.') || 'module';
}

/** Finds every check of a file, each with what is left without it. */
export function mutantsOf(file: string, source: string): readonly Mutant[] {
	const text = stripped(source);
	const tree = parse(text, { ecmaVersion: 'latest', sourceType: 'module', locations: true });
	const found: (Omit<Mutant, 'id'> & { readonly place: string })[] = [];
	const add = (node: AnyNode, change: string, replacement: string, ancestors: readonly AnyNode[]) => {
		const check = text.slice(node.start, node.end).replaceAll(/\s+/g, ' ').trim();
		if (found.some(one => one.start === node.start && one.end === node.end && one.replacement === replacement)) return;
		found.push({
			...{ file, line: node.loc?.start.line ?? 0, check, change, replacement, place: placeOf(ancestors) },
			...{ start: node.start, end: node.end },
		});
	};
	fullAncestor(tree, (one, _state, all) => {
		const node = one as AnyNode;
		const ancestors = all as AnyNode[];
		const parent = ancestors.at(-2);
		if (isWording(ancestors)) return;
		if (node.type === 'IfStatement') add(node.test, 'never', 'false', ancestors);
		else if (node.type === 'ConditionalExpression') {
			add(node.test, 'never', 'false', ancestors);
			add(node.test, 'always', 'true', ancestors);
		} else if (node.type === 'LogicalExpression' && node.operator !== '??') {
			const [neutral, change] = node.operator === '&&' ? ['true', 'left out of &&'] : ['false', 'left out of ||'];
			for (const side of [node.left, node.right]) add(side, change, neutral, ancestors);
		} else if (isPredicate(node)) {
			const isHandled =
				parent?.type === 'LogicalExpression' || parent?.test === node || parent?.type === 'UnaryExpression';
			if (isHandled) return;
			add(node, 'never', 'false', ancestors);
			add(node, 'always', 'true', ancestors);
		} else if (node.type === 'ExpressionStatement') {
			const expression = node.expression.type === 'AwaitExpression' ? node.expression.argument : node.expression;
			if (expression.type === 'CallExpression') add(node, 'removed', ';', ancestors);
		} else if (node.type === 'ArrayExpression' && isOfModule(ancestors)) {
			for (const element of node.elements as AnyNode[]) {
				if (element === null || element.type === 'SpreadElement') continue;
				const comma = /^\s*,/.exec(text.slice(element.end))?.[0].length ?? 0;
				add({ ...element, end: element.end + comma } as AnyNode, 'removed', '', ancestors);
			}
		} else if (node.type === 'ObjectExpression' && isOfModule(ancestors) && parent?.type === 'VariableDeclarator') {
			for (const property of node.properties as AnyNode[]) {
				if (property.type !== 'Property') continue;
				const comma = /^\s*,/.exec(text.slice(property.end))?.[0].length ?? 0;
				add({ ...property, end: property.end + comma } as AnyNode, 'removed', '', ancestors);
			}
		}
	});
	const times = new Map<string, number>();
	return found
		.toSorted((a, b) => a.start - b.start || a.end - b.end)
		.map(({ place, ...mutant }) => {
			const name = `${file}: ${place}: ${mutant.change}: ${mutant.check}`;
			const before = times.get(name) ?? 0;
			times.set(name, before + 1);
			return { ...mutant, id: before === 0 ? name : `${name} (${before + 1})` };
		});
}

/** Whether a node is part of a table of the module. */
function isOfModule(ancestors: readonly AnyNode[]): boolean {
	return ancestors.every(node => !/Function|Class|CallExpression/.test(node.type));
}

/** Returns a file's source, without types, with the check taken out. */
export function mutated(source: string, { start, end, replacement }: Mutant): string {
	const text = stripped(source);
	return text.slice(0, start) + replacement + text.slice(end);
}
