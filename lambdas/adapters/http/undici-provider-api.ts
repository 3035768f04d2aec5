import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { type Dispatcher, request as send } from 'undici';
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
  return {
    async send({ method, url: asked, headers, body: given, timeoutMs, maxAnswerBytes }) {
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
          dispatcher: pools.take(new URL(url).origin, undefined),
          signal,
          headers: { 'accept-encoding': 'gzip, br', ...headers },
          ...(given === undefined ? {} : { body: given }),
        });
        isAnswered = true;
        const { 'content-encoding': encoding, ...rest } = joined(answer.headers);
        const sent = await readBody(answer.body, maxAnswerBytes);
        const body = sent === undefined ? undefined : await decode(sent, encoding, maxAnswerBytes);
        if (body === undefined) return failed('too-large', `the answer has more than ${maxAnswerBytes} bytes`, true);
        return { kind: 'answered', status: answer.statusCode, headers: rest, body };
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

const decoders = new Map(
  Object.entries({ gzip: gunzip, 'x-gzip': gunzip, br: brotliDecompress, deflate: inflate }).map(
    ([name, decoder]) => [name, promisify<Buffer, { maxOutputLength: number }, Buffer>(decoder)] as const,
  ),
);

/**
 * The body as it was before it was compressed, of errors as of successes: what an error says decides whether a record is
 * gone, a limit is reached, or a consent has ended. (The decompression of undici fails for an empty body.)
 *
 * @returns Undefined where it is larger than allowed.
 * @throws Error with a code of zlib, where it ends early or is not compressed.
 */
async function decode(sent: Buffer, encoding: string | undefined, maxBytes: number): Promise<Buffer | undefined> {
  const names = (encoding ?? '').split(',').map((name) => name.trim().toLowerCase());
  let body = sent;
  for (const name of names.reverse()) {
    const decoder = decoders.get(name);
    if (decoder === undefined || body.length === 0) continue;
    try {
      body = await decoder(body, { maxOutputLength: maxBytes });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
      throw error;
    }
  }
  return body;
}

function joined(headers: Record<string, string | string[] | undefined>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
