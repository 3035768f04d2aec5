import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether a text equals one of several, in constant time: it compares digests, which all have the same length. */
export function equalsAny(given: string, expected: readonly string[]): boolean {
  const digest = createHash('sha256').update(given).digest();
  let matches = false;
  for (const text of expected) if (timingSafeEqual(createHash('sha256').update(text).digest(), digest)) matches = true;
  return matches;
}
