import { type Placeholder, parseSource, parseTemplate, type Source } from '../template/template.ts';
import type { ConditionSpec, VerifySpec } from '../verification/check-tree.ts';
import type { WebhookDefinition } from './schema.ts';

/** A value that looks like protection but that no signature covers, so a stranger can change it. */
export interface Uncovered {
  /** Path of the template. */
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** One way to verify a request: all of these checks, under these conditions. */
interface Way {
  readonly checks: readonly { readonly path: readonly PropertyKey[]; readonly spec: VerifySpec }[];
  /** Sources that are absent by the conditions of this way. */
  readonly absent: ReadonlySet<string>;
}

/** More ways than any definition has. Each `any` and `cases` multiplies their number. */
const maxWays = 1_000;

/**
 * Find timestamps and nonces that no signature covers. A stranger who has seen a request could send it again with
 * another value, so every way to verify a request must cover them.
 */
export function findUncovered({ webhook }: Pick<WebhookDefinition, 'webhook'>): readonly Uncovered[] {
  const main = waysOf(webhook.verify, ['webhook', 'verify']);
  const all = [
    ...main,
    ...webhook.handshakes.flatMap(({ verify }, index) =>
      typeof verify === 'object' ? waysOf(verify, ['webhook', 'handshakes', index, 'verify']) : [],
    ),
  ];
  const found = all.flatMap((way) =>
    way.checks.flatMap(({ path, spec: { freshness } }) =>
      freshness === undefined ? [] : uncovered(webhook, way, [...path, 'freshness', 'timestamp'], freshness.timestamp),
    ),
  );
  const { nonce } = webhook;
  const nonces =
    nonce === undefined
      ? []
      : main.flatMap((way) => uncovered(webhook, way, ['webhook', 'nonce', 'value'], nonce.value));
  // Several ways may share a check.
  return [...new Map([...found, ...nonces].map((one) => [one.path.join('.'), one])).values()];
}

function uncovered(
  webhook: WebhookDefinition['webhook'],
  way: Way,
  path: readonly PropertyKey[],
  template: string,
): readonly Uncovered[] {
  const bare = placeholdersOf(template).find(
    (part) => !way.absent.has(keyOf(part.source)) && !isCovered(webhook, way, part),
  );
  return bare === undefined
    ? []
    : [
        {
          path,
          message: `got {${bare.text}}, which no signature covers, so anyone could change it; expected a part of the signed message, or no such check`,
        },
      ];
}

function isCovered(webhook: WebhookDefinition['webhook'], way: Way, part: Placeholder): boolean {
  if (way.checks.some(({ spec }) => covers(spec, part))) return true;
  if (part.source.from !== 'var') return false;
  // A variable is signed if everything it is taken from is signed.
  const from = placeholdersOf(webhook.vars[part.source.name]?.from ?? '');
  return from.length > 0 && from.every((one) => way.checks.some(({ spec }) => covers(spec, one)));
}

/** Whether a check's signature is valid only for this value of a part. */
function covers(spec: VerifySpec, part: Placeholder): boolean {
  const { hmac, digest, public_key: publicKey, jwt, each } = spec;
  if (each !== undefined)
    return waysOf(each.verify, []).every(({ checks }) => checks.some((one) => covers(one.spec, part)));
  // A digest counts only with a secret in its message; without one, a stranger can compute it.
  const signing = hmac ?? publicKey ?? (digest !== undefined && hasSecret(digest.message) ? digest : undefined);
  if (signing !== undefined)
    return [signing.message].flat().every((message) => placeholdersOf(message).some((one) => holds(one, part)));
  if (jwt === undefined) return false;
  if (placeholdersOf(jwt.token).some(({ source }) => keyOf(source) === keyOf(part.source))) return true;
  return jwt.body_sha256_claim !== undefined && isOfBody(part.source);
}

/** Transforms that can turn two different values into the same text. */
const lossy = new Set([
  'crc32',
  'lower',
  'upper',
  'trim',
  'without_query',
  'sorted_pairs',
  'with_port',
  'without_port',
]);

/** Whether a part of a signed message contains another part in full. */
function holds(signed: Placeholder, part: Placeholder): boolean {
  if (keyOf(signed.source) === keyOf(part.source)) return !signed.transforms.some(({ name }) => name === 'crc32');
  if (signed.transforms.some(({ name }) => lossy.has(name) && !(name === 'sorted_pairs' && isOfBody(part.source))))
    return false;
  if (signed.source.from === 'body' || signed.source.from === 'form') return isOfBody(part.source);
  return signed.source.from === 'url' && (part.source.from === 'query' || part.source.from === 'path');
}

function isOfBody({ from }: Source): boolean {
  return from === 'json' || from === 'item' || from === 'form-field' || from === 'body' || from === 'form';
}

function hasSecret(message: string | readonly string[]): boolean {
  return [message]
    .flat()
    .every((text) =>
      placeholdersOf(text).some(
        ({ source, transforms }) => source.from === 'secret' || transforms.some(({ secret }) => secret !== undefined),
      ),
    );
}

function waysOf(node: VerifySpec, path: readonly PropertyKey[]): readonly Way[] {
  if (node.all !== undefined)
    return node.all.reduce<readonly Way[]>(
      (ways, one, index) =>
        ways.flatMap((way) => waysOf(one, [...path, 'all', index]).map((next) => joined(way, next))).slice(0, maxWays),
      [{ checks: [], absent: new Set() }],
    );
  if (node.any !== undefined)
    return node.any.flatMap((one, index) => waysOf(one, [...path, 'any', index])).slice(0, maxWays);
  if (node.cases !== undefined)
    return node.cases
      .flatMap(({ when, verify }, index) =>
        waysOf(verify, [...path, 'cases', index, 'verify']).map((way) =>
          joined({ checks: [], absent: absentIn(when) }, way),
        ),
      )
      .slice(0, maxWays);
  return [{ checks: [{ path, spec: node }, ...checksOfEach(node, path)], absent: new Set() }];
}

/** Freshness checks on the items of a list. */
function checksOfEach({ each }: VerifySpec, path: readonly PropertyKey[]): Way['checks'] {
  return each === undefined
    ? []
    : waysOf(each.verify, [...path, 'each', 'verify']).flatMap(({ checks }) =>
        checks.filter(({ spec }) => spec.freshness !== undefined),
      );
}

function joined(one: Way, other: Way): Way {
  return { checks: [...one.checks, ...other.checks], absent: new Set([...one.absent, ...other.absent]) };
}

function absentIn(when: ConditionSpec | undefined): ReadonlySet<string> {
  const names = Object.entries(when ?? {}).filter(
    ([, value]) => typeof value === 'object' && 'present' in value && !value.present,
  );
  return new Set(
    names.flatMap(([name]) => {
      const source = parseSource(name);
      return source === undefined ? [] : [keyOf(source)];
    }),
  );
}

function placeholdersOf(template: string): readonly Placeholder[] {
  const parsed = parseTemplate(template);
  return parsed.kind === 'fault' ? [] : parsed.template.parts.filter((part) => 'source' in part);
}

/** Equal for sources that read the same part of a request. */
function keyOf(source: Source): string {
  return JSON.stringify(source);
}
