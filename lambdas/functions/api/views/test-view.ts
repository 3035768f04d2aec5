import type { EndpointTest, Simulation, TestPost } from '../../../flows/subscriptions/test-endpoint.ts';

/** Characters of a callback's body that the answer shows. */
const shownBody = 16_384;

export function testView(simulate: Simulation | undefined, { passed, expected, posts }: EndpointTest) {
  return { simulate: simulate ?? null, passed, expected, posts: posts.map(postView) };
}

function postView({ event, sent, outcome, passed }: TestPost) {
  const answer = outcome.kind === 'answered' ? outcome : undefined;
  return {
    event_id: event.id,
    type: event.type,
    resource: event.resource,
    passed,
    status: answer?.status ?? null,
    response: answer?.response ?? null,
    error: outcome.kind === 'failed' ? outcome.error : null,
    duration_ms: outcome.durationMs,
    request:
      sent === undefined
        ? null
        : { headers: sent.headers, body: sent.body.slice(0, shownBody), body_bytes: Buffer.byteLength(sent.body) },
  };
}
