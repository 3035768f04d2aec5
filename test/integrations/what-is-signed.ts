import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { type Placeholder, parseTemplate } from '../../lambdas/engine/template/template.ts';
import type { VerifySpec } from '../../lambdas/engine/verification/check-tree.ts';
import { checksForRequest, checksOfItem } from '../../lib/definitions/checks-for-request.ts';

/** The checks that a request must pass, including those of its items. */
export function checksOf(definition: WebhookDefinition, request: WebhookRequest): readonly VerifySpec[] {
  const within = (check: VerifySpec): readonly VerifySpec[] =>
    check.each === undefined ? [check] : checksOfItem(definition, request, check.each.verify).flatMap(within);
  return checksForRequest(definition, request).flatMap(within);
}

/** Whether the whole body is signed: a message includes the body, or a claim holds its hash. */
export function coversBody(checks: readonly VerifySpec[]): boolean {
  return checks.some(({ hmac, digest, public_key, jwt }) => {
    const message = (hmac ?? digest ?? public_key)?.message;
    const messages = message === undefined ? [] : [message].flat();
    const isCovered = messages.some((text) =>
      placeholders(text).some(({ source }) => source.from === 'body' || source.from === 'form'),
    );
    return isCovered || jwt?.body_sha256_claim !== undefined;
  });
}

/** Headers of the request that the checks read: signed headers, and headers that carry a proof. */
export function headersOf(
  definition: WebhookDefinition,
  checks: readonly VerifySpec[],
  request: WebhookRequest,
): readonly string[] {
  const sources = (text: string): readonly string[] =>
    placeholders(text).flatMap(({ source }) => {
      if (source.from === 'header') return [source.name];
      if (source.from === 'headers')
        return Object.keys(request.headers).filter((name) => name.startsWith(source.prefix));
      return source.from === 'var' ? sources(definition.webhook.vars[source.name]?.from ?? '') : [];
    });
  const named = checks.flatMap(({ hmac, digest, public_key, jwt, token, basic, freshness }) => {
    const signed = hmac ?? digest ?? public_key;
    return [
      ...(signed === undefined ? [] : [signed.message, signed.signature].flat()),
      ...(jwt === undefined ? [] : [jwt.token]),
      ...(token === undefined ? [] : [token.value]),
      ...(basic === undefined ? [] : ['{header.Authorization}']),
      ...(freshness === undefined ? [] : [freshness.timestamp]),
    ].flatMap(sources);
  });
  return [...new Set(named)].filter((name) => request.headers[name] !== undefined);
}

/**
 * Whether a header has the same meaning in both texts, so the change forges nothing: hexadecimal digits and
 * names of schemes are case-insensitive, and all white space characters between two parts are equivalent.
 */
export function isSameProof(checks: readonly VerifySpec[], before: string, after: string): boolean {
  const at = [...before.split('').keys()].find((index) => before[index] !== after[index]) ?? 0;
  if (/\s/.test(before.charAt(at))) return /\s/.test(after.charAt(at));
  if (before.toLowerCase() !== after.toLowerCase()) return false;
  const digitsAt = before.search(/[0-9a-f]{40}/i);
  return checks.some(({ hmac, digest, public_key, jwt, token, basic }) => {
    if ((hmac ?? digest ?? public_key)?.encoding === 'hex') return digitsAt >= 0 && digitsAt <= at;
    const scheme = basic === undefined ? (jwt ?? token)?.prefix : 'Basic ';
    return scheme !== undefined && at < scheme.length;
  });
}

export function placeholders(text: string): readonly Placeholder[] {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') throw new Error(parsed.message);
  return parsed.template.parts.flatMap((part) => ('source' in part ? [part] : []));
}
