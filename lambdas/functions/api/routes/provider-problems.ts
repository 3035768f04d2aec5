import type { CallOutcome } from '../../../flows/provider/call-provider.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';

type Failed =
  | Exclude<CallOutcome, { kind: 'read' }>
  | { readonly kind: 'unreadable'; readonly reason: string; readonly status?: number }
  | { readonly kind: 'forbidden'; readonly status: number };

/** The problem of a call that a provider did not serve. */
export function providerProblem(outcome: Failed, nowMs: number): ProblemError {
  switch (outcome.kind) {
    case 'wait':
      return new ProblemError({
        status: 429,
        detail: "The provider's limits leave no call in time.",
        extensions: { reason: 'provider-limit', limit: outcome.stoppedBy },
        headers: { 'retry-after': String(Math.max(1, Math.ceil((outcome.untilMs - nowMs) / 1000))) },
      });
    case 'auth-failed':
      return new ProblemError({
        status: 409,
        detail: `The account cannot call its provider: ${outcome.reason}. Connect it again, or give it other credentials.`,
        extensions: { reason: 'account-auth-failed' },
      });
    case 'unusable':
      return new ProblemError({
        status: 422,
        detail: `The call cannot be made: ${outcome.reason}.`,
        extensions: { reason: 'account-incomplete' },
      });
    case 'unavailable':
      return outcome.reason.startsWith('no answer within')
        ? new ProblemError({
            status: 504,
            detail: 'The provider did not answer in time.',
            extensions: { reason: 'provider-timeout' },
          })
        : failed(outcome.reason, outcome.status);
    case 'unreadable':
      return failed(outcome.reason, outcome.status);
    case 'forbidden':
      // An answer of 200 has no record in it.
      if (outcome.status === 404 || outcome.status === 200)
        return new ProblemError({
          status: 404,
          detail: 'The provider has no such record, or the credentials may not read it.',
        });
      return failed('the credentials may not read this resource', outcome.status);
  }
}

function failed(reason: string, status: number | undefined): ProblemError {
  return new ProblemError({
    status: 502,
    detail: `The provider failed: ${reason}.`,
    extensions: { reason: 'provider-error', provider_status: status ?? null },
  });
}

/** The 422 for what a definition lacks. */
export function unsupported(what: string): ProblemError {
  return new ProblemError({
    status: 422,
    detail: `Not supported: ${what}.`,
    extensions: { reason: 'not-supported' },
  });
}
