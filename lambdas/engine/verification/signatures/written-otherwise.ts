import type { Alternative } from '../check-kind.ts';

/** Alternatives with another encoding, another algorithm, or both. */
export function writtenOtherwise<Spec extends { readonly algorithm: string; readonly encoding: string }>(
  spec: Spec,
  algorithms: readonly Spec['algorithm'][],
): readonly Alternative<Spec>[] {
  return [...new Set([spec.algorithm, ...algorithms])].flatMap((algorithm) =>
    ['hex', 'base64', 'base64url'].flatMap((encoding) => {
      const members = [
        ...(algorithm === spec.algorithm ? [] : [`algorithm: ${algorithm}`]),
        ...(encoding === spec.encoding ? [] : [`encoding: ${encoding}`]),
      ];
      return members.length === 0
        ? []
        : [{ name: members.join(' and '), members: { algorithm, encoding } as Partial<Spec> }];
    }),
  );
}
