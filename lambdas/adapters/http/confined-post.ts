import type { Dispatcher } from 'undici';
import type { CallbackOutcome } from '../../engine/delivery/callback-outcome.ts';
import type { ClientCertificate } from '../../engine/endpoint-auth/client-certificate.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import { type createEgressPolicy, EgressRefusal } from './egress-policy.ts';
import type { EndpointPools } from './endpoint-pools.ts';
import { type Exchange, type ExchangeOptions, exchange } from './post-exchange.ts';

export interface ConfinedPost extends Omit<ExchangeOptions, 'url'> {
  readonly url: string;
  readonly clientCertificate?: ClientCertificate | undefined;
}

export type ConfinedAnswer =
  | (Extract<Exchange, { kind: 'answered' }> & { readonly durationMs: number })
  | Extract<CallbackOutcome, { kind: 'failed' }>;

/** Posts where the egress policy allows it. A redirect is an answer; it is not followed. Never throws. */
export function createConfinedPost(policy: ReturnType<typeof createEgressPolicy>, pools: EndpointPools, clock: Clock) {
  return async (post: ConfinedPost): Promise<ConfinedAnswer> => {
    const startedMs = clock.nowMs();
    const failed = (error: string): Extract<ConfinedAnswer, { kind: 'failed' }> => ({
      kind: 'failed',
      error,
      durationMs: clock.nowMs() - startedMs,
    });
    const refusal = policy.refusalOfUrl(post.url);
    if (refusal !== undefined) return failed(`refused: ${refusal}`);
    const url = new URL(post.url);
    let dispatcher: Dispatcher;
    try {
      dispatcher = pools.take(url.origin, post.clientCertificate);
    } catch {
      return failed('the client certificate cannot be used');
    }
    const ended = await exchange(dispatcher, { ...post, url });
    switch (ended.kind) {
      case 'answered':
        return { ...ended, durationMs: clock.nowMs() - startedMs };
      case 'given-up':
        return { ...failed(`no answer within ${(post.late?.afterMs ?? 0) / 1000} s`), isAbandoned: true };
      case 'timed-out':
        return failed(`no answer within ${post.timeoutMs / 1000} s`);
      case 'failed':
        return failed(reasonOf(ended.error));
    }
  };
}

function reasonOf(error: Error): string {
  if (error instanceof EgressRefusal) return `refused: ${error.message}`;
  // Prefer the code: messages contain addresses that the subscriber must not see.
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
