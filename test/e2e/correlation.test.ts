import { expect, test } from 'vitest';
import { readTraceparent } from '../../lambdas/engine/trace/traceparent.ts';
import type { FunctionLogLine } from '../../lib/local/sandbox/function-log.ts';
import { useRunningEngine } from './running-engine.ts';

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
  expect(new Set(told.map(({ service }) => service))).toEqual(new Set(['ingress', 'normalize', 'deliver']));

  const byId = await call('GET', `/v1/events?tenant=joined&correlation_id=${correlationId}`);
  expect(byId.body.data).toEqual(body.data);
  const others = await call('GET', `/v1/events?tenant=another&correlation_id=${correlationId}`);
  expect(others.body.data).toEqual([]);
  expect((await call('GET', '/v1/events?tenant=joined&correlation_id=nothing')).status).toBe(400);
});
