import { urlTokenSecret } from '../request/secret-values.ts';
import type { Definition, OutsideKeySpec, VerifySpec } from './schema.ts';

/** Every check of a verify tree, whichever branch it is on. */
export function* checksWithin(node: VerifySpec): Generator<VerifySpec> {
  for (const branch of [...(node.all ?? []), ...(node.any ?? [])]) yield* checksWithin(branch);
  for (const { verify } of node.cases ?? []) yield* checksWithin(verify);
  if (node.each !== undefined) yield* checksWithin(node.each.verify);
  yield node;
}

/** Every check of a definition: those of its requests, and those that handshakes have of their own. */
export function* checksOf({ webhook }: Pick<Definition, 'webhook'>): Generator<VerifySpec> {
  yield* checksWithin(webhook.verify);
  for (const { verify, token } of webhook.handshakes) {
    if (typeof verify === 'object') yield* checksWithin(verify);
    if (token !== undefined) yield { token };
  }
}

/** The query parameter in which a definition's URLs carry a token; undefined where they carry none. */
export function urlTokenParameter(definition: Pick<Definition, 'webhook'>): string | undefined {
  for (const { url_token: token } of checksOf(definition)) if (token !== undefined) return token.parameter;
  return undefined;
}

/** The secret that holds a key; a published one may be kept in the secret that pins it. */
export function secretOf(key: string | OutsideKeySpec): string {
  return typeof key === 'string' ? key : key.pinned;
}

/** Names under which an account may keep secrets: those declared, and those that the checks imply. */
export function secretNames(definition: Pick<Definition, 'webhook' | 'secrets'>): readonly string[] {
  const names = new Set(Object.keys(definition.secrets));
  for (const check of checksOf(definition)) {
    for (const key of [check.public_key?.key, check.jwt?.key]) if (typeof key === 'object') names.add(key.pinned);
    if (check.url_token !== undefined) names.add(urlTokenSecret);
  }
  return [...names];
}

/** The secrets that a handshake of the definition brings. */
export function capturedSecrets({ webhook }: Pick<Definition, 'webhook'>): readonly string[] {
  return webhook.handshakes.flatMap(({ capture }) => capture?.secret ?? []);
}
