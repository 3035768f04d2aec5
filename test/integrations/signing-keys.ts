import { createHash, generateKeyPairSync } from 'node:crypto';
import type { Definition, JwtSpec, PublicKeySpec, VerifySpec } from '../../lambdas/engine/definition/schema.ts';
import { parseTemplate } from '../../lambdas/engine/definition/template.ts';
import type { SigningKeys } from '../../lib/definitions/sign-request.ts';

type KeyKind = 'ec' | 'rsa' | 'ed25519';

const kindOf = {
  'ecdsa-p256-sha256': 'ec',
  'rsa-sha256': 'rsa',
  'rsa-sha1': 'rsa',
  ed25519: 'ed25519',
} as const satisfies Record<PublicKeySpec['algorithm'], KeyKind>;

/** A value for each secret of a definition, written as the definition reads it; the label makes it another. */
export function signingKeysOf({ secrets, webhook }: Definition, label: string): Required<SigningKeys> {
  const checks = [...checksIn(webhook.verify)];
  const ids = new Set(checks.flatMap(({ jwt }) => Object.values(jwt?.claims ?? {}).flatMap(secretsNamed)));
  const keys: { secrets: Record<string, string>; privateKeys: Record<string, string> } = {
    secrets: {},
    privateKeys: {},
  };
  for (const name of Object.keys(secrets)) {
    const text = `${ids.has(name) ? 'an id' : label}-${name}-0123456789abcdef`;
    const bytes = createHash('sha256').update(text).digest();
    const key = checks.map(({ hmac }) => hmac?.key).find((one) => typeof one === 'object' && one.secret === name);
    const pair = checks.map((check) => keyKindOf(check, name)).find((kind) => kind !== undefined);
    if (pair !== undefined) {
      const { publicKey, privateKey } = keyPair(pair, label);
      keys.secrets[name] = publicKey;
      keys.privateKeys[name] = privateKey;
    } else if (typeof key === 'object')
      keys.secrets[name] = `${key.prefix ?? ''}${key.decode === 'utf8' ? text : bytes.toString(key.decode)}`;
    else keys.secrets[name] = text;
  }
  return keys;
}

/** Every check of a tree, whichever branch it is on. */
export function* checksIn(node: VerifySpec): Generator<VerifySpec> {
  yield node;
  for (const branch of [...(node.all ?? []), ...(node.any ?? [])]) yield* checksIn(branch);
  for (const { verify } of [...(node.cases ?? []), ...(node.each === undefined ? [] : [node.each])])
    yield* checksIn(verify);
}

function keyKindOf({ public_key, jwt }: VerifySpec, name: string): KeyKind | undefined {
  if (public_key?.key === name) return kindOf[public_key.algorithm];
  return jwt?.key === name ? jwtKeyKind(jwt) : undefined;
}

function jwtKeyKind({ algorithms }: JwtSpec): KeyKind | undefined {
  const algorithm: string = algorithms[0] ?? '';
  if (algorithm.startsWith('RS')) return 'rsa';
  if (algorithm.startsWith('ES')) return 'ec';
  return algorithm === 'EdDSA' ? 'ed25519' : undefined;
}

function secretsNamed(text: string): readonly string[] {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') throw new Error(parsed.message);
  return parsed.template.parts.flatMap((part) =>
    'source' in part && part.source.from === 'secret' ? [part.source.name] : [],
  );
}

const pairs = new Map<string, { publicKey: string; privateKey: string }>();

/** Key pairs are made once: RSA takes long. */
function keyPair(kind: KeyKind, label: string) {
  const known = pairs.get(`${kind} ${label}`);
  if (known !== undefined) return known;
  const { publicKey, privateKey } =
    kind === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : kind === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pair = {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
  pairs.set(`${kind} ${label}`, pair);
  return pair;
}
