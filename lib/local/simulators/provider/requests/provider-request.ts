import type { IncomingMessage } from 'node:http';

/** A request as the simulator received it. */
export interface ProviderRequest {
  readonly method: string;
  /** Raw, without the query. */
  readonly path: string;
  /** Decoded, in the order of the URL. */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body as JSON; undefined if it is not JSON. */
  readonly json: unknown;
  /** The body as the fields of a form. */
  readonly form: readonly (readonly [name: string, value: string])[];
}

/** Largest body that is read; a provider's own limit is lower. */
const maxBodyBytes = 8 * 1024 * 1024;

/** Read a request. @throws {RangeError} when its body is too large. */
export async function readProviderRequest(incoming: IncomingMessage): Promise<ProviderRequest> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBodyBytes) throw new RangeError(`the body has more than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]);
  return toProviderRequest({
    method: incoming.method ?? 'GET',
    url: incoming.url ?? '/',
    headers: Object.fromEntries(headers) as Record<string, string>,
    text: Buffer.concat(chunks).toString('utf8'),
  });
}

/** @param url - Whole, or a path with its query. */
export function toProviderRequest({
  method,
  url,
  headers,
  text,
}: Pick<ProviderRequest, 'method' | 'headers' | 'text'> & { readonly url: string }): ProviderRequest {
  const [, path = '/', query = ''] = /^(?:https?:\/\/[^/?#]*)?([^?#]*)\??([^#]*)/.exec(url) ?? [];
  return {
    method,
    path: path === '' ? '/' : path,
    query: [...new URLSearchParams(query)],
    headers,
    text,
    json: parsed(text),
    form: /x-www-form-urlencoded/.test(headers['content-type'] ?? '') ? [...new URLSearchParams(text)] : [],
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
