import { createHmac, timingSafeEqual } from 'node:crypto';
import type { HmacSpec } from '../definition/schema.ts';
import { renderTemplate, type Template, type TemplateInput } from '../definition/template.ts';
import { decodeExactly } from './decode-exactly.ts';
import { secretChoices, valuesOf } from './secret-values.ts';
import { missingReason, type SignaturePlace, signatureCandidates } from './signature-candidates.ts';
import type { SecretValues, Verdict } from './webhook-request.ts';

export interface HmacCheck {
  readonly spec: HmacSpec;
  readonly messages: readonly Template[];
  readonly place: SignaturePlace;
  /** The secrets that the messages hold, beside the key. */
  readonly secrets: readonly string[];
}

/** Length of each digest, in bytes. */
export const digestBytes = { sha1: 20, sha256: 32, sha512: 64 } as const;

/**
 * Check a MAC: any of the request's signatures against any current secret, over any message that the
 * provider may have signed.
 *
 * The compared bytes are the decoded ones, of equal length by construction, in constant time. A
 * signature that does not decode to exactly one digest is refused before any secret is touched.
 */
export function verifyHmac(check: HmacCheck, input: TemplateInput, secrets: SecretValues): Verdict {
  const { algorithm, key } = check.spec;
  const { secret, decode, prefix } =
    typeof key === 'string' ? { secret: key, decode: 'utf8' as const, prefix: undefined } : key;
  const configured = valuesOf(secrets, secret);
  if (configured.length === 0) return { kind: 'rejected', reason: 'secret-not-configured', detail: secret };
  // A key that is not written as it should be would decode to a part of itself, or to nothing: anybody's key.
  const keys = configured.flatMap((text) => keyBytes(text, decode, prefix) ?? []);
  if (keys.length === 0) return { kind: 'rejected', reason: 'key-unusable', detail: secret };

  const found = signatureCandidates(check.place, input, digestBytes[algorithm]);
  if (found.kind === 'rejected') return found;

  const unset = check.secrets.find((name) => valuesOf(secrets, name).length === 0);
  if (unset !== undefined) return { kind: 'rejected', reason: 'secret-not-configured', detail: unset };

  let matches = false;
  for (const template of check.messages)
    for (const values of secretChoices(check.secrets, secrets)) {
      const message = renderTemplate(template, { ...input, secrets: values });
      if (message.kind === 'missing')
        return { kind: 'rejected', reason: missingReason(message.source), detail: message.source };
      for (const bytes of keys) {
        const mac = createHmac(algorithm, bytes);
        for (const chunk of message.chunks) mac.update(chunk);
        const expected = mac.digest();
        for (const signature of found.signatures) if (timingSafeEqual(expected, signature)) matches = true;
      }
    }
  return matches ? { kind: 'verified' } : { kind: 'rejected', reason: 'signature-mismatch' };
}

function keyBytes(text: string, decode: 'utf8' | 'hex' | 'base64', prefix: string | undefined): Buffer | undefined {
  const bare = prefix !== undefined && text.startsWith(prefix) ? text.slice(prefix.length) : text;
  if (bare === '') return undefined;
  return decode === 'utf8' ? Buffer.from(bare) : decodeExactly(bare.trim(), decode);
}
