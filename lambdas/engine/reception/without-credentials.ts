import type { WebhookRequest } from '../request/webhook-request.ts';
import type { PreparedWebhook } from './prepare-webhook.ts';

/**
 * Remove the headers and query parameters that hold the sender's credentials, before the request leaves
 * ingress. The rest of the query stays unchanged.
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
