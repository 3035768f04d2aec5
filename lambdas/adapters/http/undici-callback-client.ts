import { limits } from '../../contracts/limits.ts';
import type { CallbackClient } from '../../ports/delivery/callback-client.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import { createConfinedPost } from './confined-post.ts';
import type { createEgressPolicy } from './egress-policy.ts';
import { createEndpointPools } from './endpoint-pools.ts';

/** Posts callbacks where the egress policy allows it. A redirect is the receiver's answer; it is not followed. */
export function createUndiciCallbackClient(
  policy: ReturnType<typeof createEgressPolicy>,
  clock: Clock,
  pools = createEndpointPools(policy, clock),
): CallbackClient {
  const post = createConfinedPost(policy, pools, clock);
  return {
    async post({ url, headers, body, timeoutMs = limits.callbackTimeoutMs, clientCertificate, late }) {
      const answer = await post({
        url,
        headers,
        body,
        timeoutMs,
        clientCertificate,
        late,
        maxBodyBytes: limits.callbackResponseKeptBytes,
        maxReadingMs: limits.callbackReadingMs,
      });
      if (answer.kind === 'failed') return answer;
      const { kind, status, retryAfter, body: response, durationMs } = answer;
      return { kind, status, retryAfter, response: response.toString('utf8'), durationMs };
    },
  };
}
