import { Agent, request } from 'undici';
import { limits } from '../../contracts/limits.ts';
import type { CallbackClient, CallbackOutcome } from '../../ports/callback-client.ts';
import type { Clock } from '../../ports/clock.ts';
import type { createEgressPolicy } from './egress-policy.ts';

/** Posts callbacks to where the egress policy lets them. */
export function createUndiciCallbackClient(
  policy: ReturnType<typeof createEgressPolicy>,
  clock: Clock,
): CallbackClient {
  const dispatcher = new Agent({
    connect: { timeout: limits.callbackConnectTimeoutMs, lookup: policy.lookup as never },
    // Redirects are not followed unless an interceptor is added: a 3xx is the receiver's answer.
    pipelining: 1,
  });
  return {
    async post({ url, headers, body }) {
      const startedMs = clock.nowMs();
      const failed = (error: string): CallbackOutcome => ({
        kind: 'failed',
        error,
        durationMs: clock.nowMs() - startedMs,
      });
      const refusal = policy.refusalOfUrl(url);
      if (refusal !== undefined) return failed(`refused: ${refusal}`);
      const signal = AbortSignal.timeout(limits.callbackTimeoutMs);
      try {
        const answer = await request(url, { method: 'POST', dispatcher, signal, headers, body });
        const response = await readBeginning(answer.body, limits.callbackResponseKeptBytes);
        const retryAfter = answer.headers['retry-after'];
        return {
          kind: 'answered',
          status: answer.statusCode,
          retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
          response,
          durationMs: clock.nowMs() - startedMs,
        };
      } catch (error) {
        if (signal.aborted) return failed(`no answer within ${limits.callbackTimeoutMs / 1000} s`);
        const { code, message } = error as NodeJS.ErrnoException;
        return failed(code === undefined ? message : `${code}: ${message}`);
      }
    },
  };
}

/** Read up to a bound and let the rest go, so that no answer is too large or too slow to matter. */
async function readBeginning(
  body: AsyncIterable<Uint8Array> & { destroy(): unknown },
  maxBytes: number,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    sizeBytes += chunk.byteLength;
    if (sizeBytes >= maxBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8');
}
