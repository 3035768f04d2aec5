import type { Template } from '../template/template.ts';
import type { SecretValues } from './webhook-request.ts';

/** Secret that the engine generates for URLs that carry a token. */
export const urlTokenSecret = 'url_token';

/** The current values of a secret, without empty ones: anyone can sign with an empty key. */
export function valuesOf(secrets: SecretValues, name: string): readonly string[] {
  const configured = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
  return (typeof configured === 'string' ? [configured] : (configured ?? [])).filter((value) => value !== '');
}

/** Names of the secrets that templates read, as a source or as the key of a transform. */
export function secretsIn(templates: readonly Template[]): readonly string[] {
  const names = templates.flatMap(({ parts }) =>
    parts.flatMap((part) => {
      if ('literal' in part) return [];
      const keys = part.transforms.flatMap(({ secret }) => secret ?? []);
      return part.source.from === 'secret' ? [part.source.name, ...keys] : keys;
    }),
  );
  return [...new Set(names)];
}

/** All combinations of one current value per secret; empty if a secret has no value. */
export function secretChoices(
  names: readonly string[],
  secrets: SecretValues,
): readonly Readonly<Record<string, string>>[] {
  return names.reduce<readonly Readonly<Record<string, string>>[]>(
    (chosen, name) => chosen.flatMap((one) => valuesOf(secrets, name).map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}

/** The first value of each secret, for templates outside a signed message: they read ids, which do not rotate. */
export function firstValues(secrets: SecretValues): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.keys(secrets).flatMap((name) =>
      valuesOf(secrets, name)
        .slice(0, 1)
        .map((value) => [name, value] as const),
    ),
  );
}
