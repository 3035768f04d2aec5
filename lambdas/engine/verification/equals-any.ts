import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether a text is one of others, in a time that does not tell. Digests are of one length, whatever the texts are. */
export function equalsAny(given: string, expected: readonly string[]): boolean {
  const digest = createHash('sha256').update(given).digest();
  let matches = false;
  for (const text of expected) if (timingSafeEqual(createHash('sha256').update(text).digest(), digest)) matches = true;
  return matches;
}
