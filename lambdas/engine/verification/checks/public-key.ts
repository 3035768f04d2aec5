import { type KeyObject, verify } from 'node:crypto';
import type { PublicKeySpec } from '../../definition/schema.ts';
import type { SecretValues, Verdict } from '../../request/webhook-request.ts';
import type { TemplateInput } from '../../template/template.ts';
import { readPublicKeys } from '../keys/read-public-key.ts';
import { findKeys, type KeyRing, type KeySource } from '../keys/remote-keys.ts';
import { type SignaturePlace, signatureCandidates } from '../signatures/signature-candidates.ts';
import { renderMessages, type SignedMessages } from '../signatures/signed-messages.ts';

export interface PublicKeyCheck {
  readonly spec: PublicKeySpec;
  readonly source: KeySource;
  readonly messages: SignedMessages;
  readonly place: SignaturePlace;
}

/** The kind of key that each algorithm takes. */
export const keyTypes = {
  'ecdsa-p256-sha256': 'ec',
  'rsa-sha256': 'rsa',
  'rsa-sha1': 'rsa',
  ed25519: 'ed25519',
} as const;
const hashes = { 'ecdsa-p256-sha256': 'sha256', 'rsa-sha256': 'sha256', 'rsa-sha1': 'sha1', ed25519: null } as const;
const ed25519Bytes = 64;

/** Check a signature made with a private key, against every public key of the right kind. */
export function verifyPublicKey(
  check: PublicKeyCheck,
  input: TemplateInput,
  context: { readonly secrets: SecretValues; readonly keys: KeyRing },
): Verdict {
  const { secrets } = context;
  const { algorithm } = check.spec;
  const given = findKeys(check.source, input, context);
  if (given.kind === 'rejected') return given;
  const keys = given.kind === 'keys' ? given.keys.flatMap((text) => readPublicKeys(text, keyTypes[algorithm])) : [];
  if (given.kind === 'keys' && keys.length === 0)
    return { kind: 'rejected', reason: 'key-unusable', detail: check.source.secret };

  const found = signatureCandidates(check.place, input, algorithm === 'ed25519' ? ed25519Bytes : undefined);
  if (found.kind === 'rejected') return found;
  const rendered = renderMessages(check.messages, input, secrets);
  if (rendered.kind === 'rejected') return rendered;
  // A key is fetched only for a request that is whole.
  if (given.kind === 'key-needed') return given;
  for (const message of rendered.messages) {
    const content = Buffer.concat(message.map((chunk) => Buffer.from(chunk as Buffer)));
    for (const key of keys)
      for (const signature of found.signatures)
        if (isSignature(algorithm, content, key, signature)) return { kind: 'verified' };
  }
  return { kind: 'rejected', reason: 'signature-mismatch' };
}

/** A signature that is no DER at all makes OpenSSL throw: that is no signature. */
function isSignature(
  algorithm: PublicKeySpec['algorithm'],
  content: Buffer,
  key: KeyObject,
  signature: Buffer,
): boolean {
  try {
    return verify(hashes[algorithm], content, key, signature);
  } catch {
    return false;
  }
}
