import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { EngineError } from '../../contracts/engine-error.ts';
import type { ProviderAnswer, ProviderClient } from '../../ports/provider/provider-client.ts';
import type { createEgressPolicy } from './egress-policy.ts';

export interface ProviderClientOptions {
  /** Time for the whole exchange. */
  readonly timeoutMs: number;
  /** A larger answer fails the call. */
  readonly maxAnswerBytes: number;
}

/**
 * Calls providers with Node's own client, which keeps a larger one out of the bundle of ingress, where calls for a key
 * are rare. A redirect is an answer; it is not followed.
 */
export function createHttpsProviderClient(
  policy: ReturnType<typeof createEgressPolicy>,
  { timeoutMs, maxAnswerBytes }: ProviderClientOptions,
): ProviderClient {
  return {
    async call({ method, url, headers, body }) {
      const refusal = policy.refusalOfUrl(url);
      if (refusal !== undefined)
        throw new EngineError('provider-unavailable', `the provider may not be called: ${refusal}`, {
          retryable: false,
        });
      const { protocol, host } = new URL(url);
      const send = protocol === 'https:' ? httpsRequest : httpRequest;
      try {
        return await new Promise<ProviderAnswer>((resolve, reject) => {
          const outgoing = send(
            url,
            {
              method,
              headers: { ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
              lookup: policy.lookupFor(url) as never,
              signal: AbortSignal.timeout(timeoutMs),
              agent: false,
            },
            (answer) => {
              const chunks: Buffer[] = [];
              let sizeBytes = 0;
              answer.on('data', (chunk: Buffer) => {
                sizeBytes += chunk.length;
                chunks.push(chunk);
                if (sizeBytes <= maxAnswerBytes) return;
                // Reject before `end`, which may already be queued and would resolve with the answer.
                reject(new Error('the answer is too large'));
                outgoing.destroy();
              });
              answer.on('error', reject);
              answer.on('end', () =>
                resolve({
                  status: answer.statusCode ?? 0,
                  headers: Object.fromEntries(
                    Object.entries(answer.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
                  ),
                  body: Buffer.concat(chunks),
                }),
              );
            },
          );
          outgoing.on('error', reject);
          outgoing.end(body);
        });
      } catch (cause) {
        throw new EngineError('provider-unavailable', `${host} did not answer`, { retryable: true, cause });
      }
    },
  };
}
