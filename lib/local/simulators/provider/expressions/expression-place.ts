import { isDeepStrictEqual } from 'node:util';
import { compileJsonata } from '../../../../../lambdas/engine/expression/compile-jsonata.ts';
import { toExpression } from '../../../../../lambdas/engine/provider/language/words.ts';

/** One step of a path: a member, a place in a list (from its end where negative), or the item of a list that has a value (`links[rel = "next"]`). */
export type Step =
  | string
  | number
  | { readonly path: readonly Step[]; readonly value: string | number | boolean | null };

/** Where an answer holds a value. */
export type Place =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'member'; readonly path: readonly Step[] };

export interface FoundPlace {
  readonly place: Place;
  /** What the answer must also hold, for an expression such as `a = "b" ? c`. */
  readonly conditions: readonly { readonly place: Place; readonly value: unknown }[];
}

/** A node of JSONata's tree, as far as it is read here. */
interface Node {
  readonly type?: string;
  readonly value?: unknown;
  readonly steps?: readonly Node[];
  readonly stages?: readonly Node[];
  readonly predicate?: readonly Node[];
  readonly expr?: Node;
  readonly lhs?: unknown;
  readonly rhs?: Node;
  readonly arguments?: readonly Node[];
  readonly procedure?: Node;
  readonly condition?: Node;
  readonly then?: Node;
  readonly expressions?: readonly Node[];
}

/** The place that an expression reads; undefined where it computes its value. */
export function placeOf(text: string): FoundPlace | undefined {
  return placeOfNode(treeOf(text));
}

/** The path of a member that an expression reads; undefined where it reads a header or computes its value. */
export function pathOf(text: string): readonly Step[] | undefined {
  const found = placeOf(text);
  return found?.place.kind === 'member' ? found.place.path : undefined;
}

/** Every path of members within an expression. */
export function pathsIn(text: string): readonly (readonly string[])[] {
  const paths = new Map<string, readonly string[]>();
  for (const { type, steps = [] } of nodesOf(treeOf(text))) {
    if (type !== 'path') continue;
    const named = steps.filter((step) => !isInput(step));
    const end = named.findIndex((step) => step.type !== 'name');
    const path = (end < 0 ? named : named.slice(0, end)).map(({ value }) => String(value));
    if (path.length > 0) paths.set(JSON.stringify(path), path);
  }
  return [...paths.values()];
}

/** Every text within an expression. */
export function textsIn(text: string): readonly string[] {
  const nodes = [...nodesOf(treeOf(text))].filter(({ type }) => type === 'string');
  return [...new Set(nodes.map(({ value }) => String(value)))];
}

/** A text that joins members and fixed texts: `employeeId & "-" & requestId`; undefined for any other expression. */
export function joinedParts(text: string): readonly (string | readonly Step[])[] | undefined {
  const parts: (string | readonly Step[])[] = [];
  const visit = (node: Node): boolean => {
    if (node.type === 'binary' && node.value === '&') return visit(node.lhs as Node) && visit(node.rhs as Node);
    const part = node.type === 'string' ? String(node.value) : memberPath(node);
    if (part !== undefined) parts.push(part);
    return part !== undefined;
  };
  return visit(treeOf(text)) ? parts : undefined;
}

/** Parsed expressions. A definition has few, and each answer uses several. */
const trees = new Map<string, Node>();

function treeOf(text: string): Node {
  let tree = trees.get(text);
  if (tree === undefined) {
    tree = compileJsonata(toExpression(text)).ast();
    trees.set(text, tree);
  }
  return tree;
}

function placeOfNode(node: Node): FoundPlace | undefined {
  const { type, value, procedure, arguments: args = [], condition, then, expressions = [] } = node;
  if (type === 'function' && procedure?.value === 'header' && args[0]?.type === 'string')
    return { place: { kind: 'header', name: String(args[0].value).toLowerCase() }, conditions: [] };
  if (type === 'function' && (procedure?.value === 'number' || procedure?.value === 'string') && args[0] !== undefined)
    return placeOfNode(args[0]);
  if (type === 'block' && expressions.length === 1) return placeOfNode(expressions[0] as Node);
  if (type === 'condition' && condition !== undefined && then !== undefined) {
    const found = placeOfNode(then);
    const equality = equalityOf(condition);
    return found && { ...found, conditions: [...found.conditions, ...(equality === undefined ? [] : [equality])] };
  }
  const path = value === '' || type === 'path' ? memberPath(node) : undefined;
  return path === undefined ? undefined : { place: { kind: 'member', path }, conditions: [] };
}

function equalityOf({ type, value, lhs, rhs }: Node) {
  if (type !== 'binary' || value !== '=' || rhs === undefined || !isLiteral(rhs)) return undefined;
  const place = placeOfNode(lhs as Node)?.place;
  return place === undefined ? undefined : { place, value: rhs.value };
}

function memberPath(node: Node): readonly Step[] | undefined {
  if (isInput(node)) return stagesOf(node.predicate ?? []);
  if (node.type !== 'path') return undefined;
  const path: Step[] = [];
  for (const step of node.steps ?? []) {
    const stages = stagesOf(step.stages ?? step.predicate ?? []);
    if (stages === undefined || !(step.type === 'name' || isInput(step))) return undefined;
    path.push(...(isInput(step) ? [] : [String(step.value)]), ...stages);
  }
  return path;
}

function stagesOf(stages: readonly Node[]): readonly Step[] | undefined {
  const steps: Step[] = [];
  for (const { type, expr } of stages) {
    if (type !== 'filter' || expr === undefined) return undefined;
    const equality = equalityOf(expr);
    if (expr.type === 'number') steps.push(Number(expr.value));
    else if (equality?.place.kind === 'member')
      steps.push({ path: equality.place.path, value: equality.value as string });
    else return undefined;
  }
  return steps;
}

/** Whether a node is `$`. */
function isInput({ type, value }: Node): boolean {
  return type === 'variable' && value === '';
}

function isLiteral({ type }: Node): boolean {
  return type === 'string' || type === 'number' || type === 'value';
}

function* nodesOf(node: unknown): Generator<Node> {
  if (typeof node !== 'object' || node === null || node instanceof RegExp) return;
  yield node;
  for (const child of Object.values(node)) yield* nodesOf(child);
}

/** The value at a path; undefined where there is none. */
export function valueAt(holder: unknown, [step, ...rest]: readonly Step[]): unknown {
  if (step === undefined) return holder;
  if (typeof holder !== 'object' || holder === null) return undefined;
  if (typeof step === 'object')
    return valueAt(Array.isArray(holder) ? holder.find((item) => hasValue(item, step)) : undefined, rest);
  if (typeof step === 'number' && step < 0) return valueAt(Array.isArray(holder) ? holder.at(step) : undefined, rest);
  const members = holder as Readonly<Record<string, unknown>>;
  return Object.hasOwn(members, String(step)) ? valueAt(members[String(step)], rest) : undefined;
}

/** Copy a value with another value at a path. Creates missing members; `undefined` removes the last step. */
export function withValueAt(holder: unknown, [step, ...rest]: readonly Step[], value: unknown): unknown {
  if (step === undefined) return value;
  if (typeof step === 'string') {
    // JSONata reads the member of each item: write that of the first.
    if (Array.isArray(holder)) return [withValueAt(holder[0], [step, ...rest], value), ...holder.slice(1)];
    const members = typeof holder === 'object' && holder !== null ? (holder as Record<string, unknown>) : {};
    const next = withValueAt(Object.hasOwn(members, step) ? members[step] : undefined, rest, value);
    const { [step]: _, ...others } = members;
    return next === undefined ? others : { ...members, [step]: next };
  }
  const items: unknown[] = Array.isArray(holder) ? [...holder] : [];
  const counted = typeof step === 'number' && step < 0 ? items.length + step : step;
  // A list that is too short has no such item.
  if (typeof counted === 'number' && counted < 0) return items;
  const found = typeof counted === 'number' ? counted : items.findIndex((item) => hasValue(item, counted));
  if (value === undefined && rest.length === 0) return items.filter((_, index) => index !== found);
  if (value === undefined && found < 0) return items;
  const place = found < 0 ? items.length : found;
  const item = typeof step === 'number' ? items[place] : withValueAt(items[place] ?? {}, step.path, step.value);
  const next = withValueAt(item, rest, value);
  // The item keeps the value by which it is found.
  items[place] = typeof step === 'number' || rest.length > 0 ? next : withValueAt(next, step.path, step.value);
  return items;
}

function hasValue(item: unknown, { path, value }: Exclude<Step, string | number>): boolean {
  return isDeepStrictEqual(valueAt(item, path), value);
}

/** The paths of all scalars of a value. */
export function* leavesOf(value: unknown, path: readonly Step[] = []): Generator<readonly Step[]> {
  if (typeof value !== 'object' || value === null) yield path;
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* leavesOf(item, [...path, index]);
  else for (const [name, member] of Object.entries(value)) yield* leavesOf(member, [...path, name]);
}
