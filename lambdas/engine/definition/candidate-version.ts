import { createHash } from 'node:crypto';
import type { Definition } from './schema.ts';

/** A digest that tells one candidate from the next, so that their differences are not mixed. */
export function candidateVersion(candidate: Definition): string {
  return createHash('sha256').update(JSON.stringify(candidate)).digest('hex').slice(0, 12);
}
