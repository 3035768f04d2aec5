/**
 * Decode a text; undefined if it is empty or has a character outside the encoding. `Buffer.from` ignores
 * such characters, so the function encodes the bytes again and compares the texts.
 */
export function decodeExactly(text: string, encoding: 'hex' | 'base64' | 'base64url'): Buffer | undefined {
  const bytes = Buffer.from(text, encoding);
  if (bytes.length === 0) return undefined;
  const written = bytes.toString(encoding);
  if (encoding === 'hex') return text.toLowerCase() === written ? bytes : undefined;
  // Padding is optional in both base64 encodings, but must have the right length.
  const bare = written.replace(/=/g, '');
  const padding = '='.repeat((4 - (bare.length % 4)) % 4);
  return text === bare || text === bare + padding ? bytes : undefined;
}
