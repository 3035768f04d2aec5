import { createHmac, timingSafeEqual } from 'node:crypto';
import type { HmacSpec } from '../definition/schema.ts';
import { renderTemplate, renderText, type Template, type TemplateInput } from '../definition/template.ts';
import type { SecretValues, Verdict } from './webhook-request.ts';

export interface HmacCheck {
  readonly spec: HmacSpec;
  readonly message: Template;
  readonly signature: Template;
}

const digestBytes = { sha1: 20, sha256: 32, sha512: 64 } as const;

/**
 * Check a MAC against every current secret.
 *
 * The compared bytes are the decoded ones, of equal length by construction, in constant time. A
 * signature that does not decode to exactly one digest is refused before any secret is touched:
 * `Buffer.from` ignores what it cannot read, so length and a round trip are both checked.
 */
export function verifyHmac(check: HmacCheck, input: TemplateInput, secrets: SecretValues): Verdict {
  const { spec } = check;
  const configured = Object.hasOwn(secrets, spec.key) ? secrets[spec.key] : undefined;
  const keys = (typeof configured === 'string' ? [configured] : (configured ?? [])).filter((key) => key !== '');
  if (keys.length === 0) return { kind: 'rejected', reason: 'secret-not-configured', detail: spec.key };

  const written = renderText(check.signature, input);
  if (written === undefined) return { kind: 'rejected', reason: 'header-missing', detail: spec.signature };
  if (spec.prefix !== undefined && !written.startsWith(spec.prefix))
    return { kind: 'rejected', reason: 'signature-prefix-missing', detail: spec.prefix };
  const signature = decodeSignature(written.slice(spec.prefix?.length ?? 0), spec);
  if (signature === undefined) return { kind: 'rejected', reason: 'signature-malformed', detail: spec.encoding };

  const message = renderTemplate(check.message, input);
  if (message.kind === 'missing')
    return {
      kind: 'rejected',
      reason: message.source.startsWith('header.') ? 'header-missing' : 'value-missing',
      detail: message.source,
    };

  let matches = false;
  for (const key of keys) {
    const mac = createHmac(spec.algorithm, key);
    for (const chunk of message.chunks) mac.update(chunk);
    if (timingSafeEqual(mac.digest(), signature)) matches = true;
  }
  return matches ? { kind: 'verified' } : { kind: 'rejected', reason: 'signature-mismatch' };
}

function decodeSignature(text: string, spec: HmacSpec): Buffer | undefined {
  const bytes = Buffer.from(text, spec.encoding);
  if (bytes.length !== digestBytes[spec.algorithm]) return undefined;
  const canonical = bytes.toString(spec.encoding);
  const given = spec.encoding === 'hex' ? text.toLowerCase() : text.replace(/=+$/, '');
  return given === canonical.replace(/=+$/, '') ? bytes : undefined;
}
