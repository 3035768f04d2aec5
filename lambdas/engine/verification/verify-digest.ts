import { createHash, timingSafeEqual } from 'node:crypto';
import type { DigestSpec } from '../definition/schema.ts';
import { renderTemplate, type Template, type TemplateInput } from '../definition/template.ts';
import { secretChoices, valuesOf } from './secret-values.ts';
import { missingReason, type SignaturePlace, signatureCandidates } from './signature-candidates.ts';
import { digestBytes } from './verify-hmac.ts';
import type { SecretValues, Verdict } from './webhook-request.ts';

export interface DigestCheck {
  readonly spec: DigestSpec;
  readonly messages: readonly Template[];
  readonly place: SignaturePlace;
  /** The secrets that the messages hold. */
  readonly secrets: readonly string[];
}

/** Check a keyless digest, trying every current value of a secret that the message holds. */
export function verifyDigest(check: DigestCheck, input: TemplateInput, secrets: SecretValues): Verdict {
  const found = signatureCandidates(check.place, input, digestBytes[check.spec.algorithm]);
  if (found.kind === 'rejected') return found;
  const missing = check.secrets.find((name) => valuesOf(secrets, name).length === 0);
  if (missing !== undefined) return { kind: 'rejected', reason: 'secret-not-configured', detail: missing };

  let matches = false;
  for (const template of check.messages) {
    for (const values of secretChoices(check.secrets, secrets)) {
      const message = renderTemplate(template, { ...input, secrets: values });
      if (message.kind === 'missing')
        return { kind: 'rejected', reason: missingReason(message.source), detail: message.source };
      const hash = createHash(check.spec.algorithm);
      for (const chunk of message.chunks) hash.update(chunk);
      const expected = hash.digest();
      for (const signature of found.signatures) if (timingSafeEqual(expected, signature)) matches = true;
    }
  }
  return matches ? { kind: 'verified' } : { kind: 'rejected', reason: 'signature-mismatch' };
}
