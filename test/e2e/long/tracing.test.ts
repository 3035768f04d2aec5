import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readTraceparent } from '../../../lambdas/engine/trace/traceparent.ts';
import type { FunctionLogLine } from '../../../lib/local/sandbox/function-log.ts';
import { answerJson, type ProviderStandIn, startProviderStandIn } from '../provider-stand-in.ts';
import { githubIssue, type Receiver, useRunningEngine } from '../running-engine.ts';
import { type CollectedSpan, startSpanCollector } from '../span-collector.ts';

const collector = await startSpanCollector();
let provider: ProviderStandIn;
const lines: FunctionLogLine[] = [];
beforeAll(async () => {
  provider = await startProviderStandIn();
});
afterAll(async () => {
  await Promise.all([provider.stop(), collector.stop()]);
});
beforeEach(() => collector.answer((response) => void response.writeHead(200).end('{}')));

const running = useRunningEngine({ otlpEndpoint: collector.url }, () => ({
  hosts: [`https://api.legacy-crm.example=${provider.origin}`],
  onLog: (line) => void lines.push(line),
}));

const spansOf = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId);

const usualWay = ['deliver', 'publish', 'normalize webhook', 'receive webhook'];

/** Whether the steps of a trace are there. A queue may deliver a message twice, and then a step is there twice. */
function hasAll(traceId: string, names: readonly string[]): boolean {
  const found = new Set(spansOf(traceId).map(({ name }) => name));
  return names.every((name) => found.has(name));
}

/** The way from a span to the root of its trace, by name. */
function wayOf(span: CollectedSpan | undefined): readonly string[] {
  if (span === undefined) return [];
  const parent = collector.spans.find(
    ({ traceId, spanId }) => traceId === span.traceId && spanId === span.parentSpanId,
  );
  const rest = span.parentSpanId === undefined ? [] : parent === undefined ? ['a span that is missing'] : wayOf(parent);
  return [span.name, ...rest];
}

function contextOf({ callbacks }: Receiver, index = 0) {
  const context = readTraceparent(String(callbacks[index]?.headers['traceparent']));
  if (context === undefined) throw new Error('the callback carries no traceparent');
  return context;
}

test('a webhook is one trace, from ingress to the callback, and every line about it names it', async () => {
  const { account, subscriber, github, eventually, call } = running();
  const receiver = await subscriber({ tenant: 'traced' });
  const { url } = await account('github', { tenant: 'traced' });
  const accepted = await github(url);
  await eventually(() => receiver.callbacks.length === 1);
  const { traceId, spanId, isSampled } = contextOf(receiver);
  expect(isSampled).toBe(true);
  expect(receiver.callbacks[0]?.event['correlation_id']).toBe(traceId);
  await eventually(() => hasAll(traceId, usualWay));

  const deliver = spansOf(traceId).find((span) => span.spanId === spanId);
  expect(wayOf(deliver)).toEqual(usualWay);
  expect(new Set(spansOf(traceId).map(({ name, kind }) => `${name} ${kind}`))).toEqual(
    new Set(['deliver 3', 'normalize webhook 5', 'publish 4', 'receive webhook 2']),
  );
  for (const span of spansOf(traceId))
    expect(Number(span.endTimeUnixNano)).toBeGreaterThanOrEqual(Number(span.startTimeUnixNano));
  expect(deliver?.attributes).toMatchObject({ 'http.response.status_code': 204, 'tributary.attempt': 1 });

  const { id } = receiver.callbacks[0]?.event ?? { id: '' };
  expect((await call('GET', `/v1/events/${id}`)).body.correlation_id).toBe(traceId);
  const told = lines.filter(({ text }) => text.includes(traceId)).map(({ text }) => JSON.parse(text).message);
  for (const message of ['request received', 'requests normalized', 'deliveries attempted'])
    expect(told).toContain(message);
  expect(accepted.headers.get('tributary-request-id')).toBe(
    lines.map(({ text }) => JSON.parse(text)).find((line) => line.correlation_id === traceId)?.rawId,
  );
});

test("a sender's own trace is not continued: it is a link of the root", async () => {
  const { account, subscriber, post, eventually } = running();
  const receiver = await subscriber({ tenant: 'linked' });
  const { url } = await account('github', { tenant: 'linked' });
  const sender = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
  const body = githubIssue(77, 0, 'linked');
  await post(url, body, {
    'x-github-event': 'issues',
    'x-github-delivery': 'linked-1',
    'x-hub-signature-256': `sha256=${createHmac('sha256', 's3cret').update(body).digest('hex')}`,
    traceparent: `00-${sender.traceId}-${sender.spanId}-01`,
  });
  await eventually(() => receiver.callbacks.length === 1);
  const { traceId } = contextOf(receiver);
  expect(traceId).not.toBe(sender.traceId);
  await eventually(() => hasAll(traceId, usualWay));
  expect(spansOf(traceId).find(({ name }) => name === 'receive webhook')?.links).toEqual([sender]);
});

test('each attempt is a span of the same trace, and a replay joins it', async () => {
  const { account, subscriber, github, eventually, call } = running();
  const receiver = await subscriber({ tenant: 'retried' });
  receiver.answer((_, response) => void response.writeHead(receiver.callbacks.length === 1 ? 500 : 204).end());
  const { url } = await account('github', { tenant: 'retried' });
  await github(url);
  await eventually(() => receiver.callbacks.length >= 2);
  const [first, second] = [contextOf(receiver, 0), contextOf(receiver, 1)];
  expect(second.traceId).toBe(first.traceId);
  expect(second.spanId).not.toBe(first.spanId);
  expect(receiver.callbacks[1]?.body).toBe(receiver.callbacks[0]?.body);
  const attempts = () => spansOf(first.traceId).filter(({ name }) => name === 'deliver');
  await eventually(() => attempts().length === 2);
  expect(attempts().map(({ status, attributes }) => [attributes['tributary.attempt'], status.code])).toEqual([
    [1, 2],
    [2, undefined],
  ]);
  for (const span of attempts()) expect(wayOf(span)).toEqual(usualWay);

  const { event } = receiver.callbacks[0] as (typeof receiver.callbacks)[number];
  const deliveries = await call('GET', `/v1/events/${event.id}/deliveries`);
  const shown = await call('GET', `/v1/deliveries/${deliveries.body.data[0].id}/request?attempt=1`);
  expect(shown.body.headers.traceparent).toBe(receiver.callbacks[0]?.headers['traceparent']);

  const replayed = await call('POST', `/v1/subscriptions/${receiver.id}/replay`, { mode: 'all' });
  expect(replayed.status).toBe(202);
  await eventually(() => receiver.callbacks.length === 3);
  expect(contextOf(receiver, 2).traceId).toBe(first.traceId);
});

test('a thin webhook is one trace, too: the read of its record, and the call of its provider', async () => {
  const { subscriber, call, post, eventually } = running();
  provider.answer(({ path }, response) => {
    if (path === '/v1/users/me') return answerJson(response, { user_id: 5 });
    const row = { contact_id: 1042, first: 'Nadia', last: 'Berg', changed: '2026-11-20T10:00:00Z' };
    return answerJson(response, { row, rows: [row] });
  });
  const receiver = await subscriber({ tenant: 'read' });
  const created = await call('POST', '/v1/accounts', {
    tenant: 'read',
    integration: 'legacy-crm',
    secrets: { signing_secret: 's3cret' },
    credentials: { type: 'api_key', key: 'the-key' },
    syncs: 'off',
  });
  const body = JSON.stringify({ action: 'update', object: 'contact', data: { contact_id: 1042 }, ts: 1_795_168_800 });
  const signature = createHmac('sha256', 's3cret').update(body).digest('hex');
  await post(created.body.webhook_url, body, { 'x-legacy-signature': signature });
  await eventually(() => receiver.callbacks.length === 1);
  const { traceId, spanId } = contextOf(receiver);
  await eventually(() => hasAll(traceId, [...usualWay, 'read record', 'GET provider']));
  const read = ['read record', 'normalize webhook', 'receive webhook'];
  expect(wayOf(spansOf(traceId).find((span) => span.spanId === spanId))).toEqual(['deliver', 'publish', ...read]);
  const provided = spansOf(traceId).find(({ name }) => name === 'GET provider');
  expect(wayOf(provided)).toEqual(['GET provider', ...read]);
  expect(provided?.attributes).toMatchObject({ 'http.response.status_code': 200 });
  expect(lines.some(({ text }) => text.includes('records read') && text.includes(traceId))).toBe(true);
});

test.each([
  ['hangs', () => undefined],
  ['fails', (response: ServerResponse) => void response.writeHead(503).end()],
])('a collector that %s fails no work', async (name, answer) => {
  const { account, subscriber, github, eventually } = running();
  const tenant = `collector-${name}`;
  const receiver = await subscriber({ tenant });
  const { url } = await account('github', { tenant });
  collector.answer(answer);
  const before = lines.length;
  await github(url);
  await github(url);
  await eventually(() => receiver.ids().size === 2);
  const failed = lines.slice(before).filter(({ text }) => /"level":"ERROR"/.test(text));
  expect(failed).toEqual([]);
});

test('no span carries a body, a secret or a path of an endpoint', async () => {
  const text = collector.posts.map(({ body }) => body).join('\n');
  expect(text).toContain('receive webhook');
  for (const secret of ['s3cret', 'the-key', 'Nadia', 'Issue 77', '/hooks', 'x-hub-signature']) {
    expect(text).not.toContain(secret);
  }
});
