import { createHash, timingSafeEqual } from 'node:crypto';
import type { DigestSpec } from '../../definition/schema.ts';
import type { SecretValues, Verdict } from '../../request/webhook-request.ts';
import type { TemplateInput } from '../../template/template.ts';
import { type SignaturePlace, signatureCandidates } from '../signatures/signature-candidates.ts';
import { renderMessages, type SignedMessages } from '../signatures/signed-messages.ts';
import { digestBytes } from './hmac.ts';

export interface DigestCheck {
  readonly spec: DigestSpec;
  readonly messages: SignedMessages;
  readonly place: SignaturePlace;
}

/** Check a keyless digest, trying every current value of a secret that the message holds. */
export function verifyDigest(check: DigestCheck, input: TemplateInput, secrets: SecretValues): Verdict {
  const found = signatureCandidates(check.place, input, digestBytes[check.spec.algorithm]);
  if (found.kind === 'rejected') return found;
  const rendered = renderMessages(check.messages, input, secrets);
  if (rendered.kind === 'rejected') return rendered;

  let matches = false;
  for (const message of rendered.messages) {
    const hash = createHash(check.spec.algorithm);
    for (const chunk of message) hash.update(chunk);
    const expected = hash.digest();
    for (const signature of found.signatures) if (timingSafeEqual(expected, signature)) matches = true;
  }
  return matches ? { kind: 'verified' } : { kind: 'rejected', reason: 'signature-mismatch' };
}
