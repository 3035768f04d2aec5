import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { checksOf, secretNames } from '../../lambdas/engine/definition/checks-within.ts';
import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import { authoringOf } from '../../lambdas/engine/verification/check-authoring.ts';
import type { KeySecret } from '../../lambdas/engine/verification/check-kind.ts';
import type { NamedCheck } from '../../lambdas/engine/verification/check-kinds.ts';
import type { PublicKeyType } from '../../lambdas/engine/verification/keys/read-public-key.ts';

/** Signing values by secret name; for a public key, its private key (PEM). */
export interface SigningKeys {
  readonly secrets: Readonly<Record<string, string>>;
  readonly privateKeys?: Readonly<Record<string, string>>;
}

/** The form of a secret, according to the definition. */
type KeyForm =
  | KeySecret['form']
  /** A private key with which the engine decrypts. */
  | { readonly kind: 'private-key' };

/**
 * Make a value for each secret of a definition, in the form that its checks read: text, encoded bytes, or a public key
 * with the private key that signs. The account gets the same secrets.
 *
 * @param label - The same label gives the same keys (except RSA keys); another label gives other keys.
 * @param textOf - Makes a secret that is plain text.
 */
export function makeKeys(
  definition: WebhookDefinition,
  label: string,
  textOf = (name: string, bytes: Buffer): string => `${label}-${name}-${bytes.toString('hex').slice(0, 16)}`,
): Required<SigningKeys> {
  const kinds = new Map<string, KeyForm>();
  for (const check of checksOf(definition))
    for (const { secret, form } of keysOf(check)) if (kinds.get(secret)?.kind !== 'pair') kinds.set(secret, form);

  const { decrypt } = definition.webhook;
  if (decrypt !== undefined) kinds.set(decrypt.key.secret, { kind: 'private-key' });

  const secrets: Record<string, string> = {};
  const privateKeys: Record<string, string> = {};
  for (const name of secretNames(definition)) {
    const kind = kinds.get(name) ?? { kind: 'text' };
    const bytes = createHash('sha256').update(`${label}:${name}`).digest();
    if (kind.kind === 'text') secrets[name] = textOf(name, bytes);
    else if (kind.kind === 'private-key') secrets[name] = pairOf('rsa', label).privateKey;
    else if (kind.kind === 'bytes') secrets[name] = kind.prefix + bytes.toString(kind.encoding);
    else {
      const pair = pairOf(kind.type, label);
      secrets[name] = pair.publicKey;
      privateKeys[name] = pair.privateKey;
    }
  }
  return { secrets, privateKeys };
}

/** The secrets that may have several valid values. The others, such as ids, do not rotate. */
export function rotatingSecrets(definition: WebhookDefinition): ReadonlySet<string> {
  return new Set([...checksOf(definition)].flatMap(keysOf).map(({ secret }) => secret));
}

function keysOf({ name, spec }: NamedCheck): readonly KeySecret[] {
  return authoringOf(name).keys(spec);
}

type Pair = { readonly publicKey: string; readonly privateKey: string };

/** Cache of key pairs by type and label, because RSA pairs take long to generate. */
const pairs = new Map<string, Pair>();

function pairOf(type: PublicKeyType, label: string): Pair {
  const id = `${type}:${label}`;
  const pair = pairs.get(id) ?? toPair(privateKeyOf(type, createHash('sha256').update(id).digest()));
  pairs.set(id, pair);
  return pair;
}

/** An Ed25519 key in PKCS #8 is this prefix and the key. @see https://www.rfc-editor.org/rfc/rfc8410 */
const ed25519Pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A private key from a seed of 32 bytes, so that two processes make the same key; impossible for RSA. */
function privateKeyOf(type: PublicKeyType, seed: Buffer): KeyObject {
  if (type === 'ed25519')
    return createPrivateKey({ key: Buffer.concat([ed25519Pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
  if (type === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(seed);
  const point = curve.getPublicKey();
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'));
  const key = { kty: 'EC', crv: 'P-256', d: seed.toString('base64url'), x: x ?? '', y: y ?? '' };
  return createPrivateKey({ key, format: 'jwk' });
}

function toPair(privateKey: KeyObject): Pair {
  return {
    publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
