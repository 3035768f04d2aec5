import { createHash, createHmac } from 'node:crypto';

/** A step of a placeholder's pipeline: `sha256`, `hmac_sha256(signing_secret)`. */
export interface Transform {
  readonly name: TransformName;
  readonly argument: string | undefined;
  /** The secret that the argument names. */
  readonly secret?: string;
}

/** @returns Undefined if the secret has no value, because everyone knows the empty key. */
type Apply = (
  value: string | Buffer,
  argument: string,
  secrets: Readonly<Record<string, string>>,
) => string | Buffer | undefined;

interface Known {
  /** Description of the argument for messages; undefined if the transform takes none. */
  readonly argument?: string;
  readonly namesSecret?: true;
  readonly apply: Apply;
}

const bytes = (value: string | Buffer): Buffer => (Buffer.isBuffer(value) ? value : Buffer.from(value));
const digest = (algorithm: string, encoding: 'hex' | 'base64') => (value: string | Buffer) =>
  createHash(algorithm).update(value).digest(encoding);
const hmac =
  (algorithm: string, encoding: 'hex' | 'base64'): Apply =>
  (value, name, secrets) => {
    const secret = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
    return secret === undefined || secret === ''
      ? undefined
      : createHmac(algorithm, secret).update(value).digest(encoding);
  };

/** The transforms by name. */
const transforms = {
  lower: { apply: (value) => value.toString().toLowerCase() },
  upper: { apply: (value) => value.toString().toUpperCase() },
  trim: { apply: (value) => value.toString().trim() },
  hex_decode: { apply: (value) => Buffer.from(value.toString(), 'hex') },
  base64_decode: { apply: (value) => Buffer.from(value.toString(), 'base64') },
  base64_encode: { apply: (value) => bytes(value).toString('base64') },
  url_decode: { apply: (value) => decodePercents(value.toString().replaceAll('+', ' ')) },
  sha1: { apply: digest('sha1', 'hex') },
  sha256: { apply: digest('sha256', 'hex') },
  sha512: { apply: digest('sha512', 'hex') },
  sha256_base64: { apply: digest('sha256', 'base64') },
  /** Decimal CRC-32 of the bytes, as PayPal signs it. */
  crc32: { apply: (value) => String(crc32(bytes(value))) },
  /** Escapes non-ASCII characters as `\uXXXX`, for senders that sign the escaped text. */
  escape_unicode: {
    apply: (value) =>
      value.toString().replace(/[\u0080-\uFFFF]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  },
  /** Decodes only the listed percent-escapes: `percent_decode(3A 2F 3F)`. */
  percent_decode: {
    argument: 'escapes such as 3A 2F',
    apply: (value, escapes) => {
      const wanted = new Set(escapes.toUpperCase().split(/\s+/));
      return value
        .toString()
        .replace(/%([0-9A-Fa-f]{2})/g, (whole, code: string) =>
          wanted.has(code.toUpperCase()) ? String.fromCharCode(Number.parseInt(code, 16)) : whole,
        );
    },
  },
  /** A form's fields sorted by name, names and values joined; a repeated name gives its distinct values, sorted. */
  sorted_pairs: { apply: (value) => sortedPairs(value.toString()) },
  without_query: { apply: (value) => value.toString().replace(/\?.*$/s, '') },
  /** Adds the port to a URL, even if it is the default port of the scheme. */
  with_port: { apply: (value) => withPort(value.toString()) },
  without_port: { apply: (value) => value.toString().replace(/^(https?:\/\/[^/?#]*?):\d+(?=[/?#]|$)/i, '$1') },
  hmac_sha256: { argument: 'the name of a secret', namesSecret: true, apply: hmac('sha256', 'hex') },
  hmac_sha256_base64: { argument: 'the name of a secret', namesSecret: true, apply: hmac('sha256', 'base64') },
} as const satisfies Record<string, Known>;

export type TransformName = keyof typeof transforms;

/** Parse `name` or `name(argument)`. @returns A fault's message if it is not a transform. */
export function parseTransform(text: string): Transform | string {
  const [, name = '', argument] = /^([a-z0-9_]+)(?:\(([^)]*)\))?$/.exec(text) ?? [];
  if (!Object.hasOwn(transforms, name))
    return `got the transform "${text}", expected one of ${Object.keys(transforms).join(', ')}`;
  const known: Known = transforms[name as TransformName];
  if ((known.argument === undefined) !== (argument === undefined))
    return known.argument === undefined
      ? `got "${text}", but ${name} takes no argument`
      : `got "${text}", but ${name} takes ${known.argument} in parentheses`;
  const given = argument?.trim();
  return { name: name as TransformName, argument: given, ...(known.namesSecret && given ? { secret: given } : {}) };
}

export function applyTransform(
  { name, argument = '' }: Transform,
  value: string | Buffer,
  secrets: Readonly<Record<string, string>>,
): string | Buffer | undefined {
  const apply: Apply = transforms[name].apply;
  return apply(value, argument, secrets);
}

function decodePercents(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function sortedPairs(form: string): string {
  const values = new Map<string, Set<string>>();
  for (const [name, value] of new URLSearchParams(form)) values.set(name, (values.get(name) ?? new Set()).add(value));
  return [...values.keys()]
    .sort()
    .map((name) =>
      [...(values.get(name) ?? [])]
        .sort()
        .map((value) => name + value)
        .join(''),
    )
    .join('');
}

function withPort(url: string): string {
  const [, origin = '', rest = ''] = /^(https?:\/\/[^/?#]*)(.*)$/is.exec(url) ?? [];
  if (origin === '' || /:\d+$/.test(origin)) return url;
  return `${origin}:${/^https:/i.test(origin) ? 443 : 80}${rest}`;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

/** CRC-32 in plain code: node:zlib has one too, but the engine imports no module that does IO. */
function crc32(content: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of content) crc = (crcTable[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
