import type { AnswerClaim, AnswerStore, StoredAnswer } from '../../lambdas/ports/answer-store.ts';
import type { Clock } from '../../lambdas/ports/clock.ts';

export function createInMemoryAnswers(clock: Clock): AnswerStore {
  const rows = new Map<string, { readonly claim: AnswerClaim; readonly answer: StoredAnswer | undefined }>();
  const isMine = (claim: AnswerClaim) => rows.get(claim.id)?.claim.owner === claim.owner;
  return {
    async claim(claim) {
      const standing = rows.get(claim.id);
      const nowMs = clock.nowMs();
      const isFree =
        standing === undefined ||
        standing.claim.expiresAtEpochSeconds < Math.floor(nowMs / 1000) ||
        (standing.answer === undefined && standing.claim.leaseUntilMs < nowMs);
      if (isFree) {
        rows.set(claim.id, { claim: structuredClone(claim), answer: undefined });
        return { kind: 'claimed' };
      }
      const { fingerprint, leaseUntilMs } = standing.claim;
      return standing.answer === undefined
        ? { kind: 'running', fingerprint, leaseUntilMs }
        : { kind: 'answered', fingerprint, answer: structuredClone(standing.answer) };
    },
    async complete(claim, answer) {
      if (isMine(claim)) rows.set(claim.id, { claim, answer: structuredClone(answer) });
    },
    async release(claim) {
      if (isMine(claim)) rows.delete(claim.id);
    },
  };
}
