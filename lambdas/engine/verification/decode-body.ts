import type { DecodeSpec, Definition } from '../definition/schema.ts';
import type { WebhookRequest } from './webhook-request.ts';

export type Decoded =
  | { readonly kind: 'decoded'; readonly value: unknown }
  | { readonly kind: 'malformed'; readonly expected: string };

/**
 * Read a body as the definition says. The raw bytes stay beside it: signatures are made over
 * them, never over what was decoded.
 */
export function decodeBody(spec: Definition['webhook']['decode'], request: WebhookRequest): Decoded {
  const decode = specFor(spec, request.headers['content-type'] ?? '');
  if (decode === undefined)
    return { kind: 'malformed', expected: `a content type of ${Object.keys(spec).join(' or ')}` };
  const text = request.body.toString('utf8');
  if (decode === 'text') return { kind: 'decoded', value: text };
  if (decode === 'form') return { kind: 'decoded', value: Object.fromEntries(new URLSearchParams(text)) };
  if (decode === 'json') return parseJson(text, 'a JSON body');
  const field = new URLSearchParams(text).get(decode.form_json);
  return parseJson(field ?? '', `JSON in the form field "${decode.form_json}"`);
}

/** The way to decode for a media type: parameters such as a charset do not matter. */
function specFor(spec: Definition['webhook']['decode'], contentType: string): DecodeSpec | undefined {
  if (typeof spec === 'string' || 'form_json' in spec) return spec as DecodeSpec;
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return Object.hasOwn(spec, mediaType) ? spec[mediaType] : undefined;
}

function parseJson(text: string, expected: string): Decoded {
  try {
    return { kind: 'decoded', value: JSON.parse(text) };
  } catch {
    return { kind: 'malformed', expected };
  }
}
