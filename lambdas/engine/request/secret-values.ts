import type { Template } from '../template/template.ts';
import type { SecretValues } from './webhook-request.ts';

/** Secret that the engine makes itself for URLs that carry a token. */
export const urlTokenSecret = 'url_token';

/** The current values of a secret, empty ones left out: an empty key would verify any signature. */
export function valuesOf(secrets: SecretValues, name: string): readonly string[] {
  const configured = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
  return (typeof configured === 'string' ? [configured] : (configured ?? [])).filter((value) => value !== '');
}

/** The secrets that templates hold, as a source or as the key of a transform. */
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

/** Every choice of one current value for each secret; none where one of them has no value. */
export function secretChoices(
  names: readonly string[],
  secrets: SecretValues,
): readonly Readonly<Record<string, string>>[] {
  return names.reduce<readonly Readonly<Record<string, string>>[]>(
    (chosen, name) => chosen.flatMap((one) => valuesOf(secrets, name).map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}

/** Templates outside of a signature's message read a secret's first value: an id, which does not rotate. */
export function firstValues(secrets: SecretValues): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.keys(secrets).flatMap((name) =>
      valuesOf(secrets, name)
        .slice(0, 1)
        .map((value) => [name, value] as const),
    ),
  );
}
