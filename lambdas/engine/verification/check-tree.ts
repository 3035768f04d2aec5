import { type CheckName, type CheckSpecs, checkNames, type NamedCheck } from './check-kinds.ts';

export type Scalar = string | number | boolean;

/** Expected values by source; all must match. A list matches any of its values; `present` checks for a value. */
export type ConditionSpec = Readonly<Record<string, Scalar | readonly Scalar[] | { readonly present: boolean }>>;

/** A tree of checks. A node has exactly one key: a kind of check or a way to combine checks. */
export type VerifySpec = { readonly [Name in CheckName]?: CheckSpecs[Name] | undefined } & {
  readonly all?: readonly VerifySpec[] | undefined;
  readonly any?: readonly VerifySpec[] | undefined;
  /** The first case whose condition holds decides; without such a case the request is rejected. */
  readonly cases?: readonly { readonly when?: ConditionSpec | undefined; readonly verify: VerifySpec }[] | undefined;
  /** Every item must pass, and there must be at least one. */
  readonly each?: { readonly items: string; readonly verify: VerifySpec } | undefined;
};

/** The check of a node; undefined if the node combines other checks. */
export function checkIn(node: VerifySpec): NamedCheck | undefined {
  const name = checkNames.find((one) => node[one] !== undefined);
  return name === undefined ? undefined : ({ name, spec: node[name] } as NamedCheck);
}

/** Every node of a verify tree, on all branches. */
export function* checksWithin(node: VerifySpec): Generator<VerifySpec> {
  for (const branch of [...(node.all ?? []), ...(node.any ?? [])]) yield* checksWithin(branch);
  for (const { verify } of node.cases ?? []) yield* checksWithin(verify);
  if (node.each !== undefined) yield* checksWithin(node.each.verify);
  yield node;
}
