import type { NonceClaim, NonceStore } from '../../lambdas/ports/accounts/nonce-store.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';

export function createInMemoryNonces(clock: Clock): NonceStore {
  const claims = new Map<string, NonceClaim>();
  return {
    async claim(nonce) {
      const key = JSON.stringify([nonce.owner, nonce.value]);
      const known = claims.get(key);
      const stands = known !== undefined && clock.nowMs() < known.expiresAtEpochSeconds * 1000;
      if (stands && known.bodySha256 !== nonce.bodySha256) return 'taken';
      claims.set(key, nonce);
      return 'claimed';
    },
  };
}
