import { createHash, generateKeyPairSync } from 'node:crypto';
import type { Definition, VerifySpec } from '../../lambdas/engine/definition/schema.ts';
import { parseTemplate } from '../../lambdas/engine/definition/template.ts';
import type { SigningKeys } from './sign-request.ts';

/** How a secret is written, as far as the definition tells. */
type KeyKind =
  | { readonly kind: 'text' }
  | { readonly kind: 'bytes'; readonly encoding: 'hex' | 'base64'; readonly prefix: string }
  | { readonly kind: 'pair'; readonly type: PairType };

type PairType = 'ec' | 'rsa' | 'ed25519';

/**
 * Make a value for each secret of a definition, in the form that its checks read: text, encoded bytes,
 * or a public key beside the private key that signs. The secrets are what the account is given, too.
 *
 * @param label - The same label gives the same texts; another gives others.
 */
export function makeKeys(definition: Definition, label: string): Required<SigningKeys> {
  const kinds = new Map<string, KeyKind>();
  for (const check of checksWithin(definition.webhook.verify))
    for (const [name, kind] of keysOf(check)) if (kinds.get(name)?.kind !== 'pair') kinds.set(name, kind);

  const secrets: Record<string, string> = {};
  const privateKeys: Record<string, string> = {};
  for (const name of Object.keys(definition.secrets)) {
    const kind = kinds.get(name) ?? { kind: 'text' };
    const bytes = createHash('sha256').update(`${label}:${name}`).digest();
    if (kind.kind === 'text') secrets[name] = `${label}-${name}-${bytes.toString('hex').slice(0, 16)}`;
    else if (kind.kind === 'bytes') secrets[name] = kind.prefix + bytes.toString(kind.encoding);
    else {
      const pair = pairOf(kind.type, label);
      secrets[name] = pair.publicKey;
      privateKeys[name] = pair.privateKey;
    }
  }
  return { secrets, privateKeys };
}

/** The secrets of which several may be valid at a time. The others are ids and the like, which do not rotate. */
export function rotatingSecrets(definition: Definition): ReadonlySet<string> {
  const names = new Set<string>();
  for (const check of checksWithin(definition.webhook.verify)) {
    for (const [name] of keysOf(check)) names.add(name);
    if (check.digest !== undefined) for (const name of secretsIn(check.digest.message)) names.add(name);
  }
  return names;
}

/** Every check of a verify tree, whichever branch it is on. */
function* checksWithin(node: VerifySpec): Generator<VerifySpec> {
  for (const branch of [...(node.all ?? []), ...(node.any ?? [])]) yield* checksWithin(branch);
  for (const { verify } of node.cases ?? []) yield* checksWithin(verify);
  if (node.each !== undefined) yield* checksWithin(node.each.verify);
  yield node;
}

/** The secrets that a check uses as keys, and how each is written. */
function keysOf({
  hmac,
  public_key: publicKey,
  jwt,
  token,
  basic,
}: VerifySpec): readonly (readonly [string, KeyKind])[] {
  const text = { kind: 'text' } as const;
  if (hmac !== undefined) {
    if (typeof hmac.key === 'string') return [[hmac.key, text]];
    const { secret, decode, prefix = '' } = hmac.key;
    return [[secret, decode === 'utf8' ? text : { kind: 'bytes', encoding: decode, prefix }]];
  }
  if (publicKey !== undefined) {
    const { algorithm, key } = publicKey;
    const type = algorithm === 'ed25519' ? 'ed25519' : algorithm.startsWith('ecdsa') ? 'ec' : 'rsa';
    return [[key, { kind: 'pair', type }]];
  }
  if (jwt !== undefined) {
    const [algorithm = 'HS256'] = jwt.algorithms;
    if (algorithm.startsWith('HS')) return [[jwt.key, text]];
    const type = algorithm === 'EdDSA' ? 'ed25519' : algorithm.startsWith('ES') ? 'ec' : 'rsa';
    return [[jwt.key, { kind: 'pair', type }]];
  }
  if (token !== undefined) return [[token.expected, text]];
  return basic === undefined
    ? []
    : [
        [basic.username, text],
        [basic.password, text],
      ];
}

function secretsIn(messages: string | readonly string[]): readonly string[] {
  return [messages].flat().flatMap((message) => {
    const parsed = parseTemplate(message);
    if (parsed.kind === 'fault') return [];
    return parsed.template.parts.flatMap((part) =>
      'source' in part && part.source.from === 'secret' ? [part.source.name] : [],
    );
  });
}

/** RSA pairs take long to make: one of a type and label is enough for all definitions. */
const pairs = new Map<string, { readonly publicKey: string; readonly privateKey: string }>();

function pairOf(type: PairType, label: string): { readonly publicKey: string; readonly privateKey: string } {
  const id = `${type}:${label}`;
  const pair = pairs.get(id) ?? generatePair(type);
  pairs.set(id, pair);
  return pair;
}

function generatePair(type: PairType): { readonly publicKey: string; readonly privateKey: string } {
  const { publicKey, privateKey } =
    type === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : type === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
