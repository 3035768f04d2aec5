import { type Dispatcher, request } from 'undici';
import type { CallbackOutcome } from '../../engine/delivery/callback-outcome.ts';
import type { ClientCertificate } from '../../engine/endpoint-auth/client-certificate.ts';
import type { LateAnswer } from '../../ports/delivery/callback-client.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import { type createEgressPolicy, EgressRefusal } from './egress-policy.ts';
import type { EndpointPools } from './endpoint-pools.ts';

export interface ConfinedPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Time for the whole call. */
  readonly timeoutMs: number;
  readonly clientCertificate?: ClientCertificate | undefined;
  readonly late?: LateAnswer | undefined;
  /** Most bytes of the answer's body to read. */
  readonly maxBodyBytes: number;
  /** Time for the body, once the status is known; within `timeoutMs`. */
  readonly maxReadingMs: number;
}

export type ConfinedAnswer =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly retryAfter: string | undefined;
      readonly body: Buffer;
      /** Whether the body ended within both limits. */
      readonly isWhole: boolean;
      readonly durationMs: number;
    }
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
    const { url, headers, body, timeoutMs, clientCertificate } = post;
    const refusal = policy.refusalOfUrl(url);
    if (refusal !== undefined) return failed(`refused: ${refusal}`);
    let dispatcher: Dispatcher;
    try {
      dispatcher = pools.take(new URL(url).origin, clientCertificate);
    } catch {
      return failed('the client certificate cannot be used');
    }
    const timeout = AbortSignal.timeout(timeoutMs);
    const patience = watchAnswer(post.late);
    const signal = patience === undefined ? timeout : AbortSignal.any([timeout, patience.givenUp]);
    try {
      const answer = await request(url, { method: 'POST', dispatcher, signal, headers, body });
      patience?.end();
      const beginning = await readBeginning(answer.body, post.maxBodyBytes, post.maxReadingMs);
      const retryAfter = answer.headers['retry-after'];
      return {
        kind: 'answered',
        status: answer.statusCode,
        retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
        body: beginning.bytes,
        isWhole: beginning.isWhole,
        durationMs: clock.nowMs() - startedMs,
      };
    } catch (error) {
      if (patience?.givenUp.aborted === true)
        return { ...failed(`no answer within ${(post.late?.afterMs ?? 0) / 1000} s`), isAbandoned: true };
      if (timeout.aborted) return failed(`no answer within ${timeoutMs / 1000} s`);
      if (error instanceof EgressRefusal) return failed(`refused: ${error.message}`);
      const { code, message } = error as NodeJS.ErrnoException;
      // Prefer the code: messages contain addresses that the subscriber must not see.
      return failed(code ?? message);
    } finally {
      patience?.end();
    }
  };
}

/** Ask the caller, once an answer is late, whether to wait on. */
function watchAnswer(late: LateAnswer | undefined): { readonly givenUp: AbortSignal; end(): void } | undefined {
  if (late === undefined) return undefined;
  const giveUp = new AbortController();
  const timer = setTimeout(() => {
    void late.waitsOn().then(
      (waitsOn) => waitsOn || giveUp.abort(),
      () => giveUp.abort(),
    );
  }, late.afterMs);
  return { givenUp: giveUp.signal, end: () => clearTimeout(timer) };
}

/**
 * Read the beginning of an answer. The status alone decides the outcome, so a body that is too large, too slow or cut
 * off is not an error.
 */
async function readBeginning(
  body: Dispatcher.ResponseData['body'],
  maxBytes: number,
  maxReadingMs: number,
): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean }> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  let isWhole = false;
  const tooSlow = setTimeout(() => body.destroy(), maxReadingMs);
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      sizeBytes += chunk.byteLength;
      if (sizeBytes > maxBytes) break;
    }
    isWhole = sizeBytes <= maxBytes;
  } catch {
    // Keep the bytes that arrived.
  } finally {
    clearTimeout(tooSlow);
    body.destroy();
  }
  return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), isWhole };
}
