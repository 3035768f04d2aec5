import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { secretsIn } from '../../request/secret-values.ts';
import type { SecretValues } from '../../request/webhook-request.ts';
import { type TemplateInput, toTemplate } from '../../template/template.ts';
import type { CheckAuthoring, CheckKind } from '../check-kind.ts';
import { digestBytes } from '../signatures/digest-bytes.ts';
import { signatureProof, signatureProtects, signedParts } from '../signatures/signature-authoring.ts';
import { prepareSignaturePlace, type SignaturePlace, signatureCandidates } from '../signatures/signature-candidates.ts';
import { digestAlgorithm, encoding, message, signaturePlace } from '../signatures/signature-schema.ts';
import { firstOf, prepareMessages, renderMessages, type SignedMessages } from '../signatures/signed-messages.ts';
import { writtenOtherwise } from '../signatures/written-otherwise.ts';
import type { Verdict } from '../verdict.ts';

/** A digest without a key; a secret in the message turns it into a signature. */
export const digest: CheckKind<DigestSpec> = {
  prepare(spec) {
    const check = { spec, messages: prepareMessages(spec.message), place: prepareSignaturePlace(spec) };
    return (input, { secrets }) => verifyDigest(check, input, secrets);
  },
};

interface DigestCheck {
  readonly spec: DigestSpec;
  readonly messages: SignedMessages;
  readonly place: SignaturePlace;
}

/** Check a keyless digest with every current value of the secrets in the message. */
function verifyDigest(check: DigestCheck, input: TemplateInput, secrets: SecretValues): Verdict {
  const found = signatureCandidates(check.place, input, digestBytes[check.spec.algorithm]);
  if (found.kind === 'rejected') return found;
  const rendered = renderMessages(check.messages, input, secrets);
  if (rendered.kind === 'rejected') return rendered;

  let matches = false;
  for (const signed of rendered.messages) {
    const hash = createHash(check.spec.algorithm);
    for (const chunk of signed) hash.update(chunk);
    const expected = hash.digest();
    for (const signature of found.signatures) if (timingSafeEqual(expected, signature)) matches = true;
  }
  return matches ? { kind: 'verified' } : { kind: 'rejected', reason: 'signature-mismatch' };
}

export type DigestSpec = z.output<ReturnType<typeof schema>>;

function schema() {
  return z
    .strictObject({ algorithm: digestAlgorithm, encoding, message, ...signaturePlace })
    .describe('A digest without a key; a secret in the message turns it into a signature.');
}

export const digestAuthoring: CheckAuthoring<DigestSpec> = {
  schema,
  proof: ({ algorithm, encoding: written, message: messages }, { render }) =>
    createHash(algorithm)
      .update(render(firstOf(messages)))
      .digest(written),
  place: signatureProof,
  protects: signatureProtects,
  keys: ({ message: messages }) =>
    secretsIn([messages].flat().map(toTemplate)).map((secret) => ({ secret, form: { kind: 'text' } })),
  // A message without a secret can be digested by anyone.
  authenticates: ({ message: messages }) => [messages].flat().every((text) => secretsIn([toTemplate(text)]).length > 0),
  signed: (spec) => signedParts(spec, undefined),
  alternatives: (spec) => [writtenOtherwise(spec, ['sha1', 'sha256', 'sha512'])],
};
