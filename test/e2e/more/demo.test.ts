import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { compileWebhookIntegrations } from '../../../lib/definitions/compile-integrations.ts';
import { readSamples } from '../../../lib/definitions/samples.ts';
import { signRequest } from '../../../lib/definitions/sign-request.ts';
import { runDemo } from '../../../lib/local/simulators/demo.ts';
import { type DemoCrm, startDemoCrm } from '../../../lib/local/simulators/demo-crm.ts';
import { demoKeys } from '../../../lib/local/simulators/demo-keys.ts';
import { useRunningEngine } from '../running-engine.ts';

let crm: DemoCrm;
beforeAll(async () => {
  crm = await startDemoCrm();
});
afterAll(async () => crm.provider.stop());

const running = useRunningEngine(undefined, () => ({ hosts: [crm.host] }));
const folder = new URL('../../../integrations/', import.meta.url);

test('the demo of npm start delivers an event of each way, and then accepts a sample of every integration', async () => {
  const { engine, post } = running();
  const demo = await runDemo(engine.url, crm.provider);
  onTestFinished(() => demo.subscriber.stop());
  expect(demo.first.callback.verified).toBe(true);
  expect(demo.enriched.callback.verified).toBe(true);
  expect(JSON.parse(demo.enriched.callback.body)).toMatchObject({
    resource: 'crm/contacts',
    data: { name: expect.any(String), email: expect.any(String) },
  });

  expect(demo.polled.callback.verified).toBe(true);
  expect(JSON.parse(demo.polled.callback.body)).toMatchObject({
    type: 'record:updated',
    resource: 'crm/contacts',
    origin: 'poll',
    data: { title: 'Head of sales' },
  });

  const definitions = [...compileWebhookIntegrations(folder).values()];
  expect(demo.accounts).toHaveLength(definitions.length);
  for (const definition of definitions) {
    const account = demo.accounts.find(({ integration }) => integration === definition.name);
    const sample = readSamples(folder, definition.name).find(({ request }) => request.method === 'POST');
    const target = new URL(account?.webhookUrl ?? '');
    if (sample === undefined) throw new Error(`${definition.name} has no sample`);
    target.search = sample.request.query;
    const request = signRequest(definition, { ...sample.request, url: target.href }, demoKeys(definition), Date.now());
    const answer = await post(request.url, request.body, request.headers);
    expect([definition.name, answer.status, answer.body]).toEqual([
      definition.name,
      definition.webhook.reply.accepted.status,
      definition.webhook.reply.accepted.body ?? '',
    ]);
  }
});
