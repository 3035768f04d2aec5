/**
 * The bytes that a text stands for; undefined where it is empty or not written in this encoding from
 * end to end. `Buffer.from` passes over what it cannot read, so the bytes are written back and compared.
 */
export function decodeExactly(text: string, encoding: 'hex' | 'base64' | 'base64url'): Buffer | undefined {
  const bytes = Buffer.from(text, encoding);
  if (bytes.length === 0) return undefined;
  const written = bytes.toString(encoding);
  if (encoding === 'hex') return text.toLowerCase() === written ? bytes : undefined;
  // Padding may be left out, or be there where the encoding has none; it is never more than it would be.
  const bare = written.replace(/=/g, '');
  const padding = '='.repeat((4 - (bare.length % 4)) % 4);
  return text === bare || text === bare + padding ? bytes : undefined;
}
