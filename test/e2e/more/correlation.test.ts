import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { readTraceparent } from '../../../lambdas/engine/trace/traceparent.ts';
import type { FunctionLogLine } from '../../../lib/local/sandbox/function-log.ts';
import { githubIssue, useRunningEngine } from '../running-engine.ts';

const lines: FunctionLogLine[] = [];
const running = useRunningEngine(undefined, () => ({ onLog: (line) => void lines.push(line) }));

test('one id joins the request, the log lines of every function, the event and its callback, and finds it', async () => {
  const { account, subscriber, github, eventually, call } = running();
  const receiver = await subscriber({ tenant: 'joined', envelope: 'cloudevents' });
  const { url } = await account('github', { tenant: 'joined' });
  const requestId = (await github(url)).headers.get('tributary-request-id') ?? '';
  await github(url);
  await eventually(() => receiver.callbacks.length === 2);

  const { body } = await call('GET', `/v1/events?tenant=joined&correlation_id=${requestId}`);
  expect(body.data).toHaveLength(1);
  const [{ id, correlation_id: correlationId }] = body.data;
  const callback = receiver.callbacks.find(({ event }) => event.id === id);
  expect(readTraceparent(String(callback?.headers['traceparent']))?.traceId).toBe(correlationId);
  expect(callback?.event).toMatchObject({
    correlationid: correlationId,
    dataschema: `${running().engine.url}/v1/schemas/ticketing/tickets?major=1`,
  });
  expect(readTraceparent(String(callback?.event['traceparent']))?.traceId).toBe(correlationId);

  await eventually(() => lines.filter(({ text }) => text.includes(correlationId)).length >= 3);
  const told = lines.filter(({ text }) => text.includes(correlationId)).map(({ text }) => JSON.parse(text));
  // Drain sends to an endpoint that is not known to be fast.
  const services = new Set(told.map(({ service }) => service));
  for (const service of ['ingress', 'normalize', 'deliver']) expect(services).toContain(service);

  const byId = await call('GET', `/v1/events?tenant=joined&correlation_id=${correlationId}`);
  expect(byId.body.data).toEqual(body.data);
  const others = await call('GET', `/v1/events?tenant=another&correlation_id=${correlationId}`);
  expect(others.body.data).toEqual([]);
  expect((await call('GET', '/v1/events?tenant=joined&correlation_id=nothing')).status).toBe(400);
});

test('no log line holds a body, a secret or an answer, whichever way they come (invariant 10)', async () => {
  const { account, subscriber, post, eventually, call } = running();
  const mark = 'marked-4d1f8a';
  const secret = `${mark}-secret`;
  const receiver = await subscriber({ tenant: 'marked', headers: { 'x-own': `${mark}-header` } });
  receiver.answer((_, response) => void response.writeHead(500).end(`${mark}-answer`));
  const { url } = await account('github', { tenant: 'marked', secret });
  const send = (body: string, by = secret) =>
    post(`${url}?${mark}-query=1`, body, {
      'x-github-event': 'issues',
      'x-github-delivery': `${mark}-${Math.random()}`,
      'x-hub-signature-256': `sha256=${createHmac('sha256', by).update(body).digest('hex')}`,
      'x-marked': `${mark}-header`,
    });
  expect((await send(githubIssue(901, 0, `${mark}-mapped`))).status).toBe(200);
  expect((await send(githubIssue(902, 0, `${mark}-refused`), 'another')).status).toBe(401);
  // Verified, and then no retry can map it: it is dead-lettered.
  await send(`{"action": "opened", "issue": "${mark}-unmappable"}`);
  await send(`${mark}-no-json`);
  await call('POST', '/v1/accounts', { tenant: 'marked', integration: 'github', secrets: { other: `${mark}-wrong` } });
  await call('GET', '/v1/events', undefined, `${mark}-key`);
  await eventually(() => receiver.callbacks.length >= 2);
  const about = new Set(lines.map(({ text }) => JSON.parse(text).message));
  for (const message of ['request received', 'requests normalized', 'deliveries attempted'])
    expect(about).toContain(message);
  expect(lines.filter(({ text }) => text.includes(mark)).map(({ text }) => text)).toEqual([]);
  expect(lines.filter(({ text }) => text.includes('northwind/orders'))).toEqual([]);
});
