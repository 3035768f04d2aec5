import type { HttpCaller } from '../../ports/runtime/http-caller.ts';

/** Follows no redirect: the deployment answers none. */
export function createFetchHttpCaller(timeoutMs: number): HttpCaller {
  return {
    async call({ method, url, headers, body }) {
      const answer = await fetch(url, {
        method,
        headers,
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === undefined ? {} : { body }),
      });
      return { status: answer.status, body: await answer.text() };
    },
  };
}
