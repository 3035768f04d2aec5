import { type CheckName, type CheckSpecs, checkNames, type NamedCheck } from './check-kinds.ts';

export type Scalar = string | number | boolean;

/** Source to value: all must be equal. A list means any of its values; `present` asks whether it is there. */
export type ConditionSpec = Readonly<Record<string, Scalar | readonly Scalar[] | { readonly present: boolean }>>;

/** A tree of checks: exactly one key, a kind of check or a way to combine checks. */
export type VerifySpec = { readonly [Name in CheckName]?: CheckSpecs[Name] | undefined } & {
  readonly all?: readonly VerifySpec[] | undefined;
  readonly any?: readonly VerifySpec[] | undefined;
  /** The first case whose condition holds decides; none is a rejection. */
  readonly cases?: readonly { readonly when?: ConditionSpec | undefined; readonly verify: VerifySpec }[] | undefined;
  /** Every item must pass, and there must be one. */
  readonly each?: { readonly items: string; readonly verify: VerifySpec } | undefined;
};

/** The check that a node of the tree is; undefined where it combines others. */
export function checkIn(node: VerifySpec): NamedCheck | undefined {
  const name = checkNames.find((one) => node[one] !== undefined);
  return name === undefined ? undefined : ({ name, spec: node[name] } as NamedCheck);
}

/** Every node of a verify tree, whichever branch it is on. */
export function* checksWithin(node: VerifySpec): Generator<VerifySpec> {
  for (const branch of [...(node.all ?? []), ...(node.any ?? [])]) yield* checksWithin(branch);
  for (const { verify } of node.cases ?? []) yield* checksWithin(verify);
  if (node.each !== undefined) yield* checksWithin(node.each.verify);
  yield node;
}
