import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { AnswerClaim, AnswerStore, StoredAnswer } from '../../lambdas/ports/tenants/idempotency-store.ts';
import { type Dumpable, dumpOf } from './dump.ts';

export function createInMemoryAnswers(clock: Clock): AnswerStore & Dumpable {
  const rows = new Map<string, { readonly claim: AnswerClaim; readonly answer: StoredAnswer | undefined }>();
  const isMine = (claim: AnswerClaim) => rows.get(claim.id)?.claim.owner === claim.owner;
  return {
    dump: () => dumpOf(rows),
    async claim(claim) {
      const standing = rows.get(claim.id);
      const nowMs = clock.nowMs();
      if (standing === undefined || standing.claim.expiresAtEpochSeconds < Math.floor(nowMs / 1000)) {
        rows.set(claim.id, { claim: structuredClone(claim), answer: undefined });
        return { kind: 'claimed', seed: claim.seed };
      }
      const { fingerprint, leaseUntilMs, seed } = standing.claim;
      if (fingerprint !== claim.fingerprint) return { kind: 'mismatch' };
      if (standing.answer !== undefined) return { kind: 'answered', answer: structuredClone(standing.answer) };
      if (leaseUntilMs >= nowMs) return { kind: 'running', leaseUntilMs };
      rows.set(claim.id, { claim: structuredClone({ ...claim, seed }), answer: undefined });
      return { kind: 'claimed', seed };
    },
    async complete(claim, answer) {
      if (isMine(claim)) rows.set(claim.id, { claim, answer: structuredClone(answer) });
    },
    async release(claim) {
      if (isMine(claim)) rows.delete(claim.id);
    },
    async leave(claim) {
      if (isMine(claim)) rows.set(claim.id, { claim: { ...claim, leaseUntilMs: 0 }, answer: undefined });
    },
  };
}
