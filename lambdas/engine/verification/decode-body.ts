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
    return { kind: 'decoded', value: parseExactly(text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text) };
  } catch {
    return { kind: 'malformed', expected };
  }
}

const byteOrderMark = 0xfeff;

/**
 * Parse JSON without losing digits: an integer that no double can hold stays text. Ids of 64 bits are
 * sent as numbers, and two of them must not become one.
 */
function parseExactly(text: string): unknown {
  // Only a text with a number that long pays for the reviver.
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' &&
    Number.isInteger(value) &&
    !Number.isSafeInteger(value) &&
    /^-?\d+$/.test(context?.source ?? '')
      ? context?.source
      : value,
  );
}
