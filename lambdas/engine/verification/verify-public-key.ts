import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { PublicKeySpec } from '../definition/schema.ts';
import { renderTemplate, type Template, type TemplateInput } from '../definition/template.ts';
import { secretChoices, valuesOf } from './secret-values.ts';
import { missingReason, type SignaturePlace, signatureCandidates } from './signature-candidates.ts';
import type { SecretValues, Verdict } from './webhook-request.ts';

export interface PublicKeyCheck {
  readonly spec: PublicKeySpec;
  readonly messages: readonly Template[];
  readonly place: SignaturePlace;
  /** The secrets that the messages hold, such as an id that is signed along. */
  readonly secrets: readonly string[];
}

const keyTypes = { 'ecdsa-p256-sha256': 'ec', 'rsa-sha256': 'rsa', 'rsa-sha1': 'rsa', ed25519: 'ed25519' } as const;
const hashes = { 'ecdsa-p256-sha256': 'sha256', 'rsa-sha256': 'sha256', 'rsa-sha1': 'sha1', ed25519: null } as const;
const ed25519Bytes = 64;
const ed25519KeyBytes = 32;
/** SPKI of a raw Ed25519 key is this prefix and the key. @see https://www.rfc-editor.org/rfc/rfc8410 */
const ed25519SpkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** Check a signature made with a private key, against every configured public key of the right kind. */
export function verifyPublicKey(check: PublicKeyCheck, input: TemplateInput, secrets: SecretValues): Verdict {
  const { algorithm, key } = check.spec;
  const configured = valuesOf(secrets, key);
  if (configured.length === 0) return { kind: 'rejected', reason: 'secret-not-configured', detail: key };
  const keys = configured.flatMap((text) => readPublicKey(text, keyTypes[algorithm]) ?? []);
  if (keys.length === 0) return { kind: 'rejected', reason: 'key-unusable', detail: key };

  const found = signatureCandidates(check.place, input, algorithm === 'ed25519' ? ed25519Bytes : undefined);
  if (found.kind === 'rejected') return found;
  const unset = check.secrets.find((name) => valuesOf(secrets, name).length === 0);
  if (unset !== undefined) return { kind: 'rejected', reason: 'secret-not-configured', detail: unset };
  for (const template of check.messages)
    for (const values of secretChoices(check.secrets, secrets)) {
      const message = renderTemplate(template, { ...input, secrets: values });
      if (message.kind === 'missing')
        return { kind: 'rejected', reason: missingReason(message.source), detail: message.source };
      const content = Buffer.concat(message.chunks.map((chunk) => Buffer.from(chunk as Buffer)));
      for (const publicKey of keys)
        for (const signature of found.signatures)
          if (isSignature(algorithm, content, publicKey, signature)) return { kind: 'verified' };
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

/** Read a key as PEM, as base64 SPKI (DER), or as the 32 bytes of an Ed25519 key in hex or base64. */
export function readPublicKey(text: string, type: 'ec' | 'rsa' | 'ed25519'): KeyObject | undefined {
  const attempts = [
    () => createPublicKey(text),
    () => createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' }),
    () => rawEd25519(Buffer.from(text, 'hex')),
    () => rawEd25519(Buffer.from(text, 'base64')),
  ];
  for (const attempt of attempts) {
    try {
      const key = attempt();
      if (key.asymmetricKeyType === type) return key;
    } catch {
      // Not written this way.
    }
  }
  return undefined;
}

function rawEd25519(raw: Buffer): KeyObject {
  if (raw.length !== ed25519KeyBytes) throw new TypeError('no raw Ed25519 key');
  return createPublicKey({ key: Buffer.concat([ed25519SpkiPrefix, raw]), format: 'der', type: 'spki' });
}
