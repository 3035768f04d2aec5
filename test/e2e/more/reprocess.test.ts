import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CommandPorts } from '../../../lib/cli/command.ts';
import { runCommandLine } from '../../../lib/cli/run-command-line.ts';
import { compileWebhookIntegrations } from '../../../lib/definitions/compile-integrations.ts';
import { makeKeys } from '../../../lib/definitions/make-keys.ts';
import { readSamples } from '../../../lib/definitions/samples.ts';
import { signRequest } from '../../../lib/definitions/sign-request.ts';
import { seedApiKey } from '../../../lib/local/admin-key.ts';
import { type Answer, useRunningEngine } from '../running-engine.ts';

const running = useRunningEngine();
const integrations = new URL('../../../integrations/', import.meta.url);
const acmeKey = 'tk_acme_secret-of-acme';

function expectProblem(answer: Answer, status: number): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.body).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
}

beforeAll(async () => {
  await seedApiKey(running().engine, acmeKey, 'acme');
});

describe('reprocessing dead letters', () => {
  test('normalizes those of one integration once they can be mapped, and leaves the others', async () => {
    const { call, post, account, subscriber, eventually, engine } = running();
    const definition = compileWebhookIntegrations(integrations).get('msgraph');
    const sample = readSamples(integrations, 'msgraph').find(({ name }) => name.startsWith('rich-'));
    if (definition === undefined || sample === undefined) throw new Error('the sample does not exist');
    const keys = makeKeys(definition, 'e2e');
    const { encryption_key: key, ...secrets } = keys.secrets;
    await call('POST', '/v1/accounts', { id: 'acc_graph', tenant: 'graph', integration: 'msgraph', secrets });
    const other = await account('github', { tenant: 'graph-other' });
    const receiver = await subscriber({ tenant: 'graph' });
    const deadLettered = () => engine.metrics.sum('dead-lettered', { service: 'normalize' });
    const before = deadLettered();

    // One is encrypted and its account has no key; the other cannot be mapped to an event.
    const { body, headers } = signRequest(definition, sample.request, keys, engine.now());
    expect((await post(`${engine.url}/in/msgraph/acc_graph`, body, { ...headers })).status).toBe(202);
    const unmappable = JSON.stringify({ action: 'opened', issue: { title: 'no id' }, repository: {} });
    const signature = `sha256=${createHmac('sha256', 's3cret').update(unmappable).digest('hex')}`;
    expect(
      (await post(other.url, unmappable, { 'x-github-event': 'issues', 'x-hub-signature-256': signature })).status,
    ).toBe(200);
    await eventually(() => deadLettered() === before + 2);
    expect(receiver.callbacks).toEqual([]);

    const reprocess = (integration: string, query = '') =>
      call('POST', `/v1/integrations/${integration}/reprocess${query}`);
    expect((await reprocess('slack')).body).toMatchObject({ reprocessed: 0, skipped: 2, more: false });
    await call('PATCH', '/v1/accounts/acc_graph', { secrets: { encryption_key: key } });
    expect((await reprocess('msgraph')).body).toEqual({
      reprocessed: 1,
      skipped: 1,
      more: false,
      before: expect.stringMatching(/Z$/),
    });
    await eventually(() => receiver.callbacks.length > 0);
    const read = async () => (await call('GET', '/v1/events?tenant=graph')).body.data;
    const events = await read();
    expect(events.length).toBeGreaterThan(0);

    // A request that fails again becomes a dead letter again, but only when the caller reprocesses it.
    const { body: first } = await reprocess('github', '?before=2020-01-01T00:00:00Z');
    expect(first).toMatchObject({ reprocessed: 0, skipped: 1 });
    expect((await reprocess('github')).body).toMatchObject({ reprocessed: 1, more: false });
    await eventually(() => deadLettered() === before + 3);
    const ports: CommandPorts = {
      integrations: '',
      nowMs: () => engine.now(),
      fetch,
      deployment: () => Promise.reject(new Error('no deployment in this test')),
      print: () => {},
      note: () => {},
      pause: () => Promise.resolve(),
      interruption: () => new AbortController().signal,
    };
    const { exitCode, output } = await runCommandLine(['reprocess', 'msgraph', '--url', engine.url, '--json'], ports);
    expect([exitCode, JSON.parse(output)]).toEqual([
      0,
      { integration: 'msgraph', reprocessed: 0, skipped: 1, more: false },
    ]);
    expect(await read()).toEqual(events);
  });

  test('reads a window of the raw archive, with small requests and any outcome', async () => {
    const { call, post, account, eventually, engine } = running();
    const { url, id } = await account('github', { tenant: 'archived' });
    const since = new Date(engine.now()).toISOString();
    // The mapping ignores this kind: it leaves no event and no dead letter.
    const body = JSON.stringify({ action: 'created', starred_at: null });
    const signature = `sha256=${createHmac('sha256', 's3cret').update(body).digest('hex')}`;
    const ignored = () => engine.metrics.sum('ignored', { service: 'normalize' });
    const before = ignored();
    expect((await post(url, body, { 'x-github-event': 'star', 'x-hub-signature-256': signature })).status).toBe(200);
    await eventually(() => ignored() >= before + 1);
    await engine.advanceClock(1_000);
    const window = `since=${since}&until=${new Date(engine.now()).toISOString()}&account=${id}`;
    const path = `/v1/integrations/github/reprocess?${window}`;
    expect((await call('POST', path)).body).toEqual({
      reprocessed: 0,
      skipped: 0,
      more: false,
      dry_run: true,
      found: 1,
      next_cursor: null,
    });
    expect((await call('POST', `${path}&dry_run=false`)).body).toMatchObject({ reprocessed: 1, found: 1 });
    await eventually(() => ignored() >= before + 2);
    expect((await call('POST', path)).body, 'it is not archived again').toMatchObject({ found: 1 });
    expect((await call('DELETE', `/v1/accounts/${id}`)).status).toBe(204);
    expect((await call('POST', path)).body, 'nothing can decrypt it any more').toMatchObject({ found: 0, skipped: 1 });
  });

  test('fails when the integration is unknown (404), the key is for one tenant (403) or the time is malformed (400)', async () => {
    const { call } = running();
    expectProblem(await call('POST', '/v1/integrations/nosuch/reprocess'), 404);
    expectProblem(await call('POST', '/v1/integrations/github/reprocess', undefined, acmeKey), 403);
    expectProblem(await call('POST', '/v1/integrations/github/reprocess?before=yesterday'), 400);
    expectProblem(await call('POST', '/v1/integrations/github/reprocess?account=acc_1'), 400);
    expectProblem(await call('POST', '/v1/integrations/github/reprocess?since=2026-01-01T00:00:00Z'), 400);
    expectProblem(await call('GET', '/v1/integrations/github/reprocess'), 405);
  });
});
