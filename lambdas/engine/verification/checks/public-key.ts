import { createPrivateKey, type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';
import type { TemplateInput } from '../../template/template.ts';
import type { CheckAuthoring, CheckContext, CheckKind } from '../check-kind.ts';
import { readPublicKeys } from '../keys/read-public-key.ts';
import { publicKeySource } from '../keys/remote-key-schema.ts';
import { findKeys, type KeySource, prepareKeySource, secretOf } from '../keys/remote-keys.ts';
import { signatureProof, signatureProtects, signedParts } from '../signatures/signature-authoring.ts';
import { prepareSignaturePlace, type SignaturePlace, signatureCandidates } from '../signatures/signature-candidates.ts';
import { encoding, message, signaturePlace } from '../signatures/signature-schema.ts';
import { firstOf, prepareMessages, renderMessages, type SignedMessages } from '../signatures/signed-messages.ts';
import { writtenOtherwise } from '../signatures/written-otherwise.ts';
import type { Verdict } from '../verdict.ts';

/** A signature made with a private key. */
export const publicKey: CheckKind<PublicKeySpec> = {
  prepare(spec) {
    const source = prepareKeySource(spec.key);
    const check = { spec, source, messages: prepareMessages(spec.message), place: prepareSignaturePlace(spec) };
    return (input, context) => verifyPublicKey(check, input, context);
  },
  impliedSecrets: ({ key }) => (typeof key === 'string' ? [] : [key.pinned]),
  expectedSecret({ key, algorithm }, secret, value) {
    if (key !== secret || readPublicKeys(value, keyTypes[algorithm]).length > 0) return undefined;
    return `a public key for ${algorithm}: PEM, JWK, or base64`;
  },
};

interface PublicKeyCheck {
  readonly spec: PublicKeySpec;
  readonly source: KeySource;
  readonly messages: SignedMessages;
  readonly place: SignaturePlace;
}

/** The kind of key that each algorithm takes. */
const keyTypes = {
  'ecdsa-p256-sha256': 'ec',
  'rsa-sha256': 'rsa',
  'rsa-sha1': 'rsa',
  ed25519: 'ed25519',
} as const;
const hashes = { 'ecdsa-p256-sha256': 'sha256', 'rsa-sha256': 'sha256', 'rsa-sha1': 'sha1', ed25519: null } as const;
const ed25519Bytes = 64;

/** Check a signature made with a private key, against every public key of the right kind. */
function verifyPublicKey(check: PublicKeyCheck, input: TemplateInput, context: CheckContext): Verdict {
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
  // Fetch a key only for a complete request.
  if (given.kind === 'key-needed') return given;
  for (const signed of rendered.messages) {
    const content = Buffer.concat(signed.map((chunk) => Buffer.from(chunk as Buffer)));
    for (const key of keys)
      for (const signature of found.signatures)
        if (isSignature(algorithm, content, key, signature)) return { kind: 'verified' };
  }
  return { kind: 'rejected', reason: 'signature-mismatch' };
}

/** False also for a signature that is not DER, for which OpenSSL throws. */
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

export type PublicKeySpec = z.output<ReturnType<typeof schema>>;

function schema() {
  return z.strictObject({
    algorithm: z.enum(['ecdsa-p256-sha256', 'rsa-sha256', 'rsa-sha1', 'ed25519']),
    encoding,
    key: publicKeySource.describe(
      'Name of the secret that holds the public key (PEM, JWK, base64 SPKI, or raw Ed25519 in hex), or where the provider publishes it.',
    ),
    message,
    ...signaturePlace,
  });
}

export const publicKeyAuthoring: CheckAuthoring<PublicKeySpec> = {
  schema,
  proof({ algorithm, encoding: written, key, message: messages }, { render, privateKeys }) {
    const privateKey = createPrivateKey(privateKeys[secretOf(key)] ?? '');
    return sign(hashes[algorithm], render(firstOf(messages)), privateKey).toString(written);
  },
  place: signatureProof,
  protects: signatureProtects,
  keys: ({ algorithm, key }) => [{ secret: secretOf(key), form: { kind: 'pair', type: keyTypes[algorithm] } }],
  signed: (spec) => signedParts(spec, secretOf(spec.key)),
  alternatives: (spec) => [writtenOtherwise(spec, [])],
};
