import { expect, onTestFinished, test } from 'vitest';
import { compileWebhookIntegrations } from '../../lib/definitions/compile-integrations.ts';
import { readSamples } from '../../lib/definitions/samples.ts';
import { signRequest } from '../../lib/definitions/sign-request.ts';
import { demoKeys, runDemo } from '../../lib/local/simulators/demo.ts';
import { useRunningEngine } from './running-engine.ts';

const running = useRunningEngine();
const folder = new URL('../../integrations/', import.meta.url);

test('the demo of npm start delivers its event, and then accepts a sample of every integration', async () => {
  const { engine, post } = running();
  const demo = await runDemo(engine.url);
  onTestFinished(() => demo.subscriber.stop());
  expect(demo.first.callback.verified).toBe(true);

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
