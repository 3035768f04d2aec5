import type { WebhookRequest } from '../request/webhook-request.ts';
import type { PreparedWebhook } from './prepare-webhook.ts';

/**
 * A request as it goes on from ingress: without the headers and query parameters by which its sender
 * proved itself. The rest of the query stays as it was written.
 */
export function withoutCredentials(
  request: WebhookRequest,
  { headers, query: names }: PreparedWebhook['credentials'],
): WebhookRequest {
  const query =
    names.size === 0
      ? request.query
      : request.query
          .split('&')
          .filter((pair) => [...new URLSearchParams(pair).keys()].every((name) => !names.has(name)))
          .join('&');
  return {
    ...request,
    url: request.url.replace(/\?.*$/s, query === '' ? '' : `?${query}`),
    query,
    headers: Object.fromEntries(Object.entries(request.headers).filter(([name]) => !headers.has(name))),
  };
}
