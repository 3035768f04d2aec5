import { type Dispatcher, interceptors, request as send } from 'undici';
import type { ApiAnswer, ProviderApi } from '../../ports/provider/provider-api.ts';
import { type createEgressPolicy, EgressRefusal } from './egress-policy.ts';
import type { EndpointPools } from './endpoint-pools.ts';

/** Errors of a request that never left: the name was not resolved, or no connection was made. */
const unsentCodes: ReadonlySet<string> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/**
 * Calls providers where the egress policy allows it.
 *
 * @param hosts - Origins that stand for others: calls of the first go to the second. @default - none
 */
export function createUndiciProviderApi(
  policy: ReturnType<typeof createEgressPolicy>,
  pools: EndpointPools,
  hosts: ReadonlyMap<string, string> = new Map(),
): ProviderApi {
  const inflating = new WeakMap<Dispatcher, Dispatcher>();
  const inflate = (dispatcher: Dispatcher): Dispatcher => {
    let composed = inflating.get(dispatcher);
    if (composed === undefined) {
      composed = dispatcher.compose(interceptors.decompress());
      inflating.set(dispatcher, composed);
    }
    return composed;
  };
  return {
    async send({ method, url: asked, headers, body, timeoutMs, maxAnswerBytes }) {
      const url = redirected(asked, hosts);
      const failed = (
        why: 'refused' | 'timeout' | 'network' | 'too-large',
        error: string,
        wasSent: boolean,
      ): ApiAnswer => ({
        kind: 'failed',
        why,
        error,
        wasSent,
      });
      const refusal = policy.refusalOfUrl(url);
      if (refusal !== undefined) return failed('refused', `the provider may not be called: ${refusal}`, false);
      const signal = AbortSignal.timeout(timeoutMs);
      let isAnswered = false;
      try {
        const answer = await send(url, {
          method,
          dispatcher: inflate(pools.take(new URL(url).origin, undefined)),
          signal,
          headers: { 'accept-encoding': 'gzip, br', ...headers },
          ...(body === undefined ? {} : { body }),
        });
        isAnswered = true;
        const read = await readBody(answer.body, maxAnswerBytes);
        if (read === undefined) return failed('too-large', `the answer has more than ${maxAnswerBytes} bytes`, true);
        return { kind: 'answered', status: answer.statusCode, headers: joined(answer.headers), body: read };
      } catch (error) {
        if (signal.aborted) return failed('timeout', `no answer within ${timeoutMs / 1000} s`, true);
        if (error instanceof EgressRefusal)
          return failed('refused', `the provider may not be called: ${error.message}`, false);
        const { code = 'network error' } = error as NodeJS.ErrnoException;
        // Codes only: messages hold addresses.
        return failed('network', code, isAnswered || !unsentCodes.has(code));
      }
    },
  };
}

function redirected(url: string, hosts: ReadonlyMap<string, string>): string {
  const { origin } = new URL(url);
  const other = hosts.get(origin);
  return other === undefined ? url : `${other}${url.slice(origin.length)}`;
}

/** @returns Undefined where the body is larger than allowed. */
async function readBody(body: Dispatcher.ResponseData['body'], maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) {
      body.destroy();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function joined(headers: Record<string, string | string[] | undefined>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
