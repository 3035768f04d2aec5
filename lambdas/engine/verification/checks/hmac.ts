import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { HmacSpec } from '../../definition/schema.ts';
import { valuesOf } from '../../request/secret-values.ts';
import type { SecretValues, Verdict } from '../../request/webhook-request.ts';
import type { TemplateInput } from '../../template/template.ts';
import { decodeExactly } from '../signatures/decode-exactly.ts';
import { type SignaturePlace, signatureCandidates } from '../signatures/signature-candidates.ts';
import { renderMessages, type SignedMessages } from '../signatures/signed-messages.ts';

export interface HmacCheck {
  readonly spec: HmacSpec;
  readonly messages: SignedMessages;
  readonly place: SignaturePlace;
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
  const keys = configured.flatMap((text) => readKey(text, decode, prefix) ?? []);
  if (keys.length === 0) return { kind: 'rejected', reason: 'key-unusable', detail: secret };

  const found = signatureCandidates(check.place, input, digestBytes[algorithm]);
  if (found.kind === 'rejected') return found;

  const rendered = renderMessages(check.messages, input, secrets);
  if (rendered.kind === 'rejected') return rendered;

  let matches = false;
  for (const message of rendered.messages)
    for (const macKey of keys) {
      const mac = createHmac(algorithm, macKey);
      for (const chunk of message) mac.update(chunk);
      const expected = mac.digest();
      for (const signature of found.signatures) if (timingSafeEqual(expected, signature)) matches = true;
    }
  return matches ? { kind: 'verified' } : { kind: 'rejected', reason: 'signature-mismatch' };
}

/** Bytes as a key of Node's own kind: with a buffer, a MAC takes three times as long. */
export function readKey(
  text: string,
  decode: 'utf8' | 'hex' | 'base64',
  prefix: string | undefined,
): string | KeyObject | undefined {
  const bare = prefix !== undefined && text.startsWith(prefix) ? text.slice(prefix.length) : text;
  if (bare === '') return undefined;
  if (decode === 'utf8') return bare;
  const bytes = decodeExactly(bare.trim(), decode);
  return bytes === undefined ? undefined : createSecretKey(bytes);
}
