import { decodeMultipart } from './decode-multipart.ts';
import type { DecodeSpec } from './decode-schema.ts';
import type { WebhookRequest } from './webhook-request.ts';

export type Decoded =
  | { readonly kind: 'decoded'; readonly value: unknown }
  | { readonly kind: 'malformed'; readonly expected: string };

/** Reads XML; throws if it is not well-formed. The caller passes it in, because few functions need the XML library. */
export type XmlReader = (text: string) => unknown;

/**
 * Decode a body as the definition says. The request keeps the raw bytes, because signatures cover
 * those and never the decoded value.
 */
export function decodeBody(
  spec: DecodeSpec | Readonly<Record<string, DecodeSpec>>,
  request: WebhookRequest,
  readXml: XmlReader,
): Decoded {
  const decode = specFor(spec, request.headers['content-type'] ?? '');
  if (decode === undefined)
    return { kind: 'malformed', expected: `a content type of ${Object.keys(spec).join(' or ')}` };
  if (decode === 'multipart') return readMultipart(request);
  const text = request.body.toString('utf8');
  if (decode === 'text') return { kind: 'decoded', value: text };
  if (decode === 'form') return { kind: 'decoded', value: Object.fromEntries(new URLSearchParams(text)) };
  if (decode === 'xml') return decodeXml(text, readXml);
  if (decode === 'json') return parseJson(text, 'a JSON body');
  const field = new URLSearchParams(text).get(decode.form_json);
  return parseJson(field ?? '', `JSON in the form field "${decode.form_json}"`);
}

function readMultipart({ headers, body }: WebhookRequest): Decoded {
  const value = decodeMultipart(headers['content-type'] ?? '', body);
  return value === undefined
    ? { kind: 'malformed', expected: 'a multipart/form-data body whose parts have names' }
    : { kind: 'decoded', value };
}

/** Whether bodies may be XML. */
export function decodesXml(spec: DecodeSpec | Readonly<Record<string, DecodeSpec>>): boolean {
  if (typeof spec === 'string' || 'form_json' in spec) return spec === 'xml';
  return Object.values(spec).includes('xml');
}

/** How to decode a media type; parameters such as a charset are ignored. */
function specFor(spec: DecodeSpec | Readonly<Record<string, DecodeSpec>>, contentType: string): DecodeSpec | undefined {
  if (typeof spec === 'string' || 'form_json' in spec) return spec as DecodeSpec;
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return Object.hasOwn(spec, mediaType) ? spec[mediaType] : undefined;
}

function decodeXml(text: string, readXml: XmlReader): Decoded {
  try {
    return { kind: 'decoded', value: readXml(text) };
  } catch {
    return { kind: 'malformed', expected: 'well-formed XML without a document type' };
  }
}

function parseJson(text: string, expected: string): Decoded {
  try {
    return { kind: 'decoded', value: parseJsonExactly(text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text) };
  } catch {
    return { kind: 'malformed', expected };
  }
}

const byteOrderMark = 0xfeff;

/**
 * Parse JSON without losing digits: an integer that no double can hold becomes a string. Providers send
 * 64-bit ids as numbers, and two ids must not become the same number.
 */
export function parseJsonExactly(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // A reviver does the same at ten times the cost, and the sender is not verified yet.
  const exact = hasLongDigitRun(text) ? quoteLargeIntegers(text) : text;
  return exact === text ? value : JSON.parse(exact);
}

/** The fewest digits of an integer that no double can hold. */
const longDigits = 16;

/**
 * Whether the text has 16 digits in a row. The scan checks each position where a run would end, so it
 * skips most of a text with few digits; `/\d{16}/` takes twice as long, and 50 times for runs of 15.
 */
function hasLongDigitRun(text: string): boolean {
  for (let end = longDigits - 1; end < text.length; ) {
    let at = end;
    while (at > end - longDigits && isDigit(text.charCodeAt(at))) at -= 1;
    if (at === end - longDigits) return true;
    end = at + longDigits;
  }
  return false;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** In a valid JSON text, quote every integer that no double can hold. */
function quoteLargeIntegers(text: string): string {
  let quoted = '';
  let copiedTo = 0;
  let scannedTo = 0;
  let inString = false;
  // All characters that a number can have, so a match is either a whole number or part of a string.
  for (const { 0: written, index } of text.matchAll(/-?\d[\d.eE+-]{15,}/g)) {
    for (; scannedTo < index; scannedTo += 1) {
      const code = text.charCodeAt(scannedTo);
      if (code === backslash) scannedTo += 1;
      else if (code === quote) inString = !inString;
    }
    if (inString || !/^-?\d+$/.test(written) || Number.isSafeInteger(Number(written))) continue;
    quoted += `${text.slice(copiedTo, index)}"${written}"`;
    copiedTo = index + written.length;
  }
  return quoted + text.slice(copiedTo);
}

const backslash = 0x5c;
const quote = 0x22;
