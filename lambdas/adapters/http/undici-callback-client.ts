import { Agent, type Dispatcher, request } from 'undici';
import { limits } from '../../contracts/limits.ts';
import type { CallbackClient, CallbackOutcome } from '../../ports/callback-client.ts';
import type { Clock } from '../../ports/clock.ts';
import type { createEgressPolicy } from './egress-policy.ts';

/** How long the body of an answer is read, once its status is known. */
const maxReadingMs = 2_000;

/** Posts callbacks to where the egress policy lets them. A redirect is the receiver's answer and is not followed. */
export function createUndiciCallbackClient(
  policy: ReturnType<typeof createEgressPolicy>,
  clock: Clock,
): CallbackClient {
  const dispatcher = new Agent({
    connect: { timeout: limits.callbackConnectTimeoutMs, lookup: policy.lookup as never },
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
        // A code says enough; messages name addresses that are not the subscriber's to know.
        return failed(code ?? message);
      }
    },
  };
}

/**
 * Read the beginning of an answer. Its status has decided already: a body that is too large, too slow or
 * cut off is let go.
 */
async function readBeginning(body: Dispatcher.ResponseData['body'], maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  const tooSlow = setTimeout(() => body.destroy(), maxReadingMs);
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      sizeBytes += chunk.byteLength;
      if (sizeBytes >= maxBytes) break;
    }
  } catch {
    // What arrived is kept.
  } finally {
    clearTimeout(tooSlow);
    body.destroy();
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8');
}
