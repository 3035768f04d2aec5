import { kindOf, type NamedCheck } from '../verification/check-kinds.ts';
import { checkIn, checksWithin } from '../verification/check-tree.ts';
import type { Definition } from './schema.ts';

/** Every check of a definition: those of its requests, and those that only a handshake has. */
export function* checksOf({ webhook }: Pick<Definition, 'webhook'>): Generator<NamedCheck> {
  if (webhook === undefined) return;
  const trees = [
    webhook.verify,
    ...webhook.handshakes.flatMap(({ verify, token }) => [
      ...(typeof verify === 'object' ? [verify] : []),
      ...(token === undefined ? [] : [{ token }]),
    ]),
  ];
  for (const tree of trees)
    for (const node of checksWithin(tree)) {
      const check = checkIn(node);
      if (check !== undefined) yield check;
    }
}

/** The query parameter that carries a token in a definition's URLs; undefined if they carry none. */
export function urlTokenParameter(definition: Pick<Definition, 'webhook'>): string | undefined {
  for (const check of checksOf(definition)) if (check.name === 'url_token') return check.spec.parameter;
  return undefined;
}

/** Names of the secrets that an account may have: those declared, and those that the checks imply. */
export function secretNames(definition: Pick<Definition, 'webhook' | 'secrets'>): readonly string[] {
  const names = new Set(Object.keys(definition.secrets));
  for (const { name, spec } of checksOf(definition))
    for (const secret of kindOf(name).impliedSecrets?.(spec) ?? []) names.add(secret);
  return [...names];
}

/** Names of the secrets that the definition's handshakes bring. */
export function capturedSecrets({ webhook }: Pick<Definition, 'webhook'>): readonly string[] {
  return (webhook?.handshakes ?? []).flatMap(({ capture }) => capture?.secret ?? []);
}
