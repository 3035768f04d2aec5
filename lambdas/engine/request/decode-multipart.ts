/** Metadata of an uploaded file; its bytes are dropped. */
export interface FormFile {
  readonly filename: string;
  readonly content_type: string;
  readonly size: number;
}

/** Forms have a handful of parts; each part costs a search and some objects. */
const maxParts = 1_000;
/** Far more than browsers and providers write. */
const maxHeaderBytes = 8 * 1024;
/** @see https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1 */
const maxBoundaryCharacters = 70;

const lineBreak = Buffer.from('\r\n');
const endOfHeaders = Buffer.from('\r\n\r\n');

/**
 * Read a `multipart/form-data` body: fields as text, files as metadata. The last of several fields with one name
 * wins, as in a URL-encoded form; several files with one name become a list.
 *
 * @returns Undefined if the body does not match its content type.
 * @see https://www.rfc-editor.org/rfc/rfc7578
 */
export function decodeMultipart(contentType: string, body: Buffer): Readonly<Record<string, unknown>> | undefined {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) return undefined;
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  const first = delimiter.subarray(lineBreak.length);
  // Text before the first delimiter does not belong to the form.
  const opening = body.subarray(0, first.length).equals(first) ? 0 : body.indexOf(delimiter);
  if (opening < 0) return undefined;
  let at = opening === 0 ? first.length : opening + delimiter.length;
  const values = new Map<string, unknown>();
  for (let parts = 0; ; parts += 1) {
    if (body.toString('latin1', at, at + 2) === '--') return Object.fromEntries(values);
    const startOfPart = afterPadding(body, at);
    if (startOfPart === undefined || parts === maxParts) return undefined;
    // The delimiter starts with the line break that ends the part; in an empty part, that break also ends the headers.
    const end = body.indexOf(delimiter, startOfPart - lineBreak.length);
    if (end < 0) return undefined;
    const part = readPart(body.subarray(startOfPart, Math.max(startOfPart, end)));
    if (part === undefined) return undefined;
    const known = values.get(part.name);
    const isAnother = typeof part.value === 'object' && typeof known === 'object';
    values.set(part.name, isAnother ? [known, part.value].flat() : part.value);
    at = end + delimiter.length;
  }
}

function boundaryOf(contentType: string): string | undefined {
  if (!/^\s*multipart\/form-data\s*(;|$)/i.test(contentType)) return undefined;
  const boundary = parameterOf(contentType, 'boundary');
  return boundary === undefined || boundary === '' || boundary.length > maxBoundaryCharacters ? undefined : boundary;
}

/** Start of the part after a delimiter: skip blanks and a line break. */
function afterPadding(body: Buffer, at: number): number | undefined {
  let end = at;
  while (body[end] === 0x20 || body[end] === 0x09) end += 1;
  return body.subarray(end, end + lineBreak.length).equals(lineBreak) ? end + lineBreak.length : undefined;
}

function readPart(part: Buffer): { readonly name: string; readonly value: string | FormFile } | undefined {
  const endAt = part.subarray(0, maxHeaderBytes).indexOf(endOfHeaders);
  if (endAt < 0) return undefined;
  const headers = part.toString('utf8', 0, endAt).split('\r\n');
  const disposition = headerOf(headers, 'content-disposition');
  const name = disposition === undefined ? undefined : parameterOf(disposition, 'name');
  if (disposition === undefined || name === undefined) return undefined;
  const content = part.subarray(endAt + endOfHeaders.length);
  const filename = parameterOf(disposition, 'filename');
  if (filename === undefined) return { name, value: content.toString('utf8') };
  const contentType = headerOf(headers, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  return { name, value: { filename, content_type: contentType ?? 'application/octet-stream', size: content.length } };
}

function headerOf(headers: readonly string[], name: string): string | undefined {
  const header = headers.find((line) => line.slice(0, name.length + 1).toLowerCase() === `${name}:`);
  return header?.slice(name.length + 1).trim();
}

/**
 * Read a parameter of a header: a token or a quoted string. Browsers write a quote as %22, other senders as \".
 *
 * The search goes parameter by parameter, so it never finds `name` within `filename` or within a quoted value.
 */
function parameterOf(header: string, wanted: string): string | undefined {
  for (const [, name, quoted, token] of header.matchAll(/;\s*([\w!#$&+.^`|~*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^;]*))/g))
    if (name?.toLowerCase() === wanted)
      return quoted === undefined ? (token ?? '').trim() : quoted.replace(/\\(["\\])/g, '$1').replaceAll('%22', '"');
  return undefined;
}
