import { createHmac } from 'node:crypto';
import type { EngineKey } from '../../lambdas/ports/runtime/engine-key.ts';

/** Keys of one deployment. @param deployment - Different names have different keys. */
export function createInMemoryEngineKey(deployment = 'one'): EngineKey {
  return { derive: async (purpose) => createHmac('sha256', deployment).update(purpose).digest() };
}
