const text = (description: string, example: string) => ({ description, schema: { type: 'string' }, example });
/** Headers that several operations return. */
export const answerHeaders = {
  RateLimit: text('Calls that the key and its tenant may still make in the current window.', '"key";r=2999;t=1'),
  'RateLimit-Policy': text('Rate limits of the key and of its tenant.', '"key";q=3000;w=60'),
  'Retry-After': { description: 'Seconds to wait before the next call.', schema: { type: 'integer' }, example: 1 },
  ETag: text(
    'Identifies this version of the response. Send it as `If-None-Match` to ask whether it has changed.',
    '"2jmj7l5rSw0yVb_vlWAYkK_YBwk"',
  ),
  'Idempotent-Replayed': text(
    '`true` if this is the stored response to an earlier request with the same `Idempotency-Key`.',
    'true',
  ),
};

/** Reference to a header in the components. */
export const headerRef = (name: keyof typeof answerHeaders) => ({ $ref: `#/components/headers/${name}` });
