import { createHmac } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { recordFailed } from '../../../lambdas/contracts/log-messages.ts';
import { answerJson, type ProviderStandIn, startProviderStandIn } from '../provider-stand-in.ts';
import { useRunningEngine } from '../running-engine.ts';
import { patiently } from '../simulated-accounts.ts';
import { mixAssembly } from './mixed-assembly.ts';

/**
 * While a deployment shifts functions to a new version, both versions read each message and each row of the other. The
 * handlers of the last release run beside those of this version: of every queue, one is before it and the other behind
 * it, in both directions.
 */
const halves = {
  'normalize, drain, poll, dispatch and govern': ['normalize', 'drain', 'poll', 'dispatch', 'govern'],
  'ingress, enrich, deliver, api and console': ['ingress', 'enrich', 'deliver', 'api'],
};

const row = (id: number) => ({
  contact_id: id,
  first: 'Nadia',
  last: 'Berg',
  mail: `contact-${id}@example.com`,
  changed: '2026-11-20T10:00:00Z',
});

describe.each(Object.entries(halves))('with %s of the last release', (_names, old) => {
  const folder = fileURLToPath(new URL(`../../../.cache/mixed-${process.pid}-${old[0]}`, import.meta.url));
  const logs: string[] = [];
  let provider: ProviderStandIn;
  beforeAll(async () => {
    provider = await startProviderStandIn();
    provider.answer(({ path, query }, response) => {
      if (path === '/v1/users/me') return answerJson(response, { user_id: 5 });
      // A listing of the sync: two contacts, then none.
      if (!query.has('ids') && !/\/\d+$/.test(path))
        return answerJson(response, {
          rows: /contacts/.test(path) && !/[2-9]/.test(query.get('page') ?? '1') ? [row(71), row(72)] : [],
        });
      const rows = (query.get('ids') ?? path.split('/').at(-1) ?? '').split(',').map((id) => row(Number(id)));
      return answerJson(response, query.has('ids') ? { rows } : { row: rows[0] });
    });
    await mixAssembly(inject('assembly'), folder, old);
  });
  const running = useRunningEngine(undefined, () => ({
    assemblyDir: folder,
    hosts: [`https://api.legacy-crm.example=${provider.origin}`],
    onLog: ({ text }) => void logs.push(text),
  }));
  afterAll(async () => {
    await provider.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const eventually = (holds: () => boolean | Promise<boolean>) => patiently(running().engine, holds);

  async function connected(tenant: string, syncs: 'on' | 'off') {
    const { call, post } = running();
    const created = await call('POST', '/v1/accounts', {
      tenant,
      integration: 'legacy-crm',
      secrets: { signing_secret: 's3cret' },
      credentials: { type: 'api_key', key: 'the-key' },
      syncs,
    });
    expect(created.status).toBe(201);
    return {
      id: created.body.id as string,
      send: async (id: number, more: object = {}) => {
        const data = { contact_id: id, ...more };
        const body = JSON.stringify({ action: 'update', object: 'contact', data, ts: 1_795_168_800 });
        const signature = createHmac('sha256', 's3cret').update(body).digest('hex');
        expect((await post(created.body.webhook_url, body, { 'x-legacy-signature': signature })).status).toBe(200);
      },
    };
  }

  test('webhooks, small and large, are read from their provider, delivered, retried, replayed and in the feed', async () => {
    const { subscriber, call } = running();
    const receiver = await subscriber({ tenant: 'acme' });
    let refusals = 3;
    receiver.answer((_, response) => void response.writeHead(refusals-- > 0 ? 500 : 204).end());
    const { send } = await connected('acme', 'off');
    for (const id of [1, 2, 3]) await send(id);
    // Above the threshold of claim checks.
    await send(4, { note: 'x'.repeat(20_000) });
    await eventually(() => receiver.ids().size === 4 && refusals <= -4);
    const feed = await call('GET', '/v1/events?tenant=acme&since=beginning');
    expect(feed.body.data.map((event: { record_id: string }) => event.record_id).sort()).toEqual(['1', '2', '3', '4']);
    expect(feed.body.data[0]).toMatchObject({ data: { name: 'Nadia Berg' } });
    expect(new Set(feed.body.data.map((event: { id: string }) => event.id))).toEqual(receiver.ids());

    const before = receiver.callbacks.length;
    const replay = await call('POST', `/v1/subscriptions/${receiver.id}/replay`, { mode: 'all' });
    expect(replay.status).toBeLessThan(300);
    await eventually(() => receiver.callbacks.length >= before + 4);
    expect(receiver.ids().size).toBe(4);
  });

  test('syncs run, and publish what they find', async () => {
    const { subscriber } = running();
    const receiver = await subscriber({ tenant: 'polled' });
    await connected('polled', 'on');
    await eventually(() => receiver.callbacks.length >= 2);
    expect(
      receiver.callbacks.map(({ event }) => `${String(event['record_id'])} ${String(event['origin'])}`).sort(),
    ).toEqual(['71 poll', '72 poll']);
  });

  test('a tenant is erased', async () => {
    const { call } = running();
    const { send } = await connected('erased', 'off');
    await send(9);
    await eventually(
      async () => (await call('GET', '/v1/events?tenant=erased&since=beginning')).body.data.length === 1,
    );
    expect((await call('DELETE', '/v1/tenants/erased')).status).toBe(202);
    await eventually(async () => (await call('GET', '/v1/tenants/erased')).body.erasure?.state === 'done');
  });

  test('no function has failed on a message of the other version', () => {
    expect(logs.filter((line) => line.includes(`"${recordFailed}"`) || /"errorType"/.test(line))).toEqual([]);
  });
});
