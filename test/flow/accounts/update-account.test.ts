import { describe, expect, test } from 'vitest';
import { capturedSecrets } from '../../../lambdas/engine/definition/checks-within.ts';
import { webhookUrl } from '../../../lambdas/flows/accounts/account-secrets.ts';
import { configureIntegration } from '../../../lambdas/flows/accounts/configure-integration.ts';
import { createAccount } from '../../../lambdas/flows/accounts/create-account.ts';
import { type AccountChange, updateAccount } from '../../../lambdas/flows/accounts/update-account.ts';
import { receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { waitingRequests } from '../../fakes/in-memory-routing.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { anAccount } from '../../fakes/samples.ts';
import { followFeed } from '../follow-feed.ts';
import { rawMessage, staffRequest, staffWith } from '../provider-request.ts';

const definition = staffWith(
  {
    handshakes: [
      {
        name: 'hook_secret',
        when: { 'header.X-Hook-Secret': { present: true } },
        verify: 'none',
        capture: { secret: 'signing_secret', from: '{header.X-Hook-Secret}' },
        respond: {},
      },
    ],
  },
  ['client_id', 'token'],
);

async function prepare(of = definition): Promise<FakeEngine> {
  const engine = createFakeEngine(of);
  await engine.accounts.create(anAccount({ secrets: { signing_secret: 'old', client_id: 'c1' } }));
  return engine;
}

const update = (engine: FakeEngine, change: AccountChange, id = 'acc_acme') =>
  updateAccount(engine.adminPorts, id, { mayClaim: true, ...change });
const accountOf = (engine: FakeEngine, id = 'acc_acme') => engine.accounts.find(id);

describe('secrets', () => {
  test('are added, changed and removed by name; other secrets stay', async () => {
    const engine = await prepare();
    const change = { secrets: { signing_secret: ['new', 'old'], client_id: null, token: 't' } };
    const before = await accountOf(engine);
    const { kind } = await update(engine, change);
    expect(kind).toBe('updated');
    expect(await accountOf(engine)).toEqual({
      ...before,
      secrets: { signing_secret: ['new', 'old'], token: 't' },
      revision: 2,
    });
  });

  test('are unchanged when a change removes a missing one', async () => {
    const engine = await prepare();
    await update(engine, { secrets: { token: null } });
    expect((await accountOf(engine))?.secrets).toEqual({ signing_secret: 'old', client_id: 'c1' });
  });

  test.each([
    [{ other: 'x' }, ['other']],
    [{ other: null }, ['other']],
    [{ signing_secret: 'x', url_token: 'y', constructor: 'z' }, ['url_token', 'constructor']],
    [JSON.parse('{"__proto__":"x"}') as Record<string, string>, ['__proto__']],
  ])('fails when the integration does not declare the name: %j', async (secrets, got) => {
    const engine = await prepare();
    const before = await accountOf(engine);
    expect(await update(engine, { secrets })).toEqual({
      kind: 'undeclared-secrets',
      got,
      declared: ['signing_secret', 'client_id', 'token'],
    });
    expect(await accountOf(engine)).toEqual(before);
  });
});

test('fails when there is no such account, or its integration is not deployed', async () => {
  const engine = await prepare();
  expect(await update(engine, {}, 'acc_none')).toEqual({ kind: 'unknown-account' });
  await engine.accounts.create(anAccount({ id: 'acc_old', integration: 'gone' }));
  expect(await update(engine, {}, 'acc_old')).toEqual({ kind: 'unknown-integration' });
});

test('an empty change only raises the revision', async () => {
  const engine = await prepare();
  const before = anAccount({ secrets: { signing_secret: 'old', client_id: 'c1' } });
  await update(engine, {});
  expect(await accountOf(engine)).toEqual({ ...before, revision: 2 });
});

describe('a capture of a secret', () => {
  const capture = { secrets: ['signing_secret'], expiresInSeconds: 60 };

  test('is started, kept, restarted and stopped', async () => {
    const engine = await prepare();
    const now = engine.clock.nowMs() / 1000;
    const waiting = async () => (await accountOf(engine))?.capture;
    await update(engine, { capture });
    expect(await waiting()).toEqual({ secrets: ['signing_secret'], expiresAtEpochSeconds: now + 60 });
    await update(engine, { secrets: { token: 't' } });
    expect(await waiting()).toEqual({ secrets: ['signing_secret'], expiresAtEpochSeconds: now + 60 });
    await update(engine, { capture: { ...capture, expiresInSeconds: 90 } });
    expect(await waiting()).toMatchObject({ expiresAtEpochSeconds: now + 90 });
    await update(engine, { capture: null });
    expect(await waiting()).toBeUndefined();
  });

  test('fails when no handshake delivers the secret', async () => {
    const engine = await prepare();
    expect(await update(engine, { capture: { ...capture, secrets: ['signing_secret', 'token'] } })).toEqual({
      kind: 'not-captured',
      got: ['token'],
      captured: capturedSecrets(definition),
    });
  });
});

describe('a URL token', () => {
  const tokened = staffWith({ verify: { url_token: {} }, handshakes: [] });
  const urlOf = async (engine: FakeEngine) =>
    webhookUrl(tokened, 'https://x.example/in/staff/acc_acme', (await accountOf(engine))?.secrets ?? {});

  test('is created with the account, unguessable and unique', async () => {
    const engine = createFakeEngine(tokened);
    const tokens = new Set<unknown>();
    for (const id of ['acc_1', 'acc_2']) {
      const request = { id, tenant: 'acme', integration: 'staff', secrets: {}, context: {} };
      await createAccount(engine.adminPorts, request);
      tokens.add((await accountOf(engine, id))?.secrets['url_token']);
    }
    for (const token of tokens) expect(token).toMatch(/^[\w-]{32}$/);
    expect(tokens.size).toBe(2);
  });

  test('admits requests that carry it, and is not passed on', async () => {
    const engine = await prepare(tokened);
    await update(engine, {});
    const query = new URL(await urlOf(engine)).search.slice(1);
    expect(query).toMatch(/^token=[\w-]{32}$/);
    const receive = (of: string) =>
      receiveProviderRequest(
        engine.receivePorts,
        { integration: 'staff', account: 'acc_acme' },
        staffRequest({ changes: [] }, { query: of, url: `https://x.example/in/staff/acc_acme?${of}` }),
      );
    expect(await receive(`a=1&${query}`)).toMatchObject({ kind: 'accepted' });
    expect(await receive(query.replace('token', 'tok%65n'))).toMatchObject({ kind: 'accepted' });
    for (const wrong of ['', 'token=', `token=x&${query}`, `${query}x`, query.toUpperCase(), `Token=${query.slice(6)}`])
      expect(await receive(wrong), wrong).toMatchObject({ kind: 'rejected' });
    expect(engine.rawQueue.messages().map(({ body }) => JSON.parse(body).request.query)).toEqual(['a=1', '']);
    expect(JSON.stringify(engine.rawQueue.messages())).not.toContain(query.slice(6));
  });

  test('is added to an account without one, stays, and is replaced once removed', async () => {
    const engine = await prepare(tokened);
    expect(await urlOf(engine)).toBe('https://x.example/in/staff/acc_acme');
    await update(engine, {});
    const first = await urlOf(engine);
    await update(engine, { secrets: { signing_secret: 'x' } });
    expect(await urlOf(engine)).toBe(first);
    await update(engine, { secrets: { url_token: null } });
    expect(await urlOf(engine)).not.toBe(first);
    expect(await urlOf(engine)).toMatch(/\?token=[\w-]{32}$/);
  });

  test('stays in the settings of the URL for all accounts', async () => {
    const engine = createFakeEngine(tokened);
    const tokenOf = async () => (await engine.settings.get('staff', 0))?.secrets['url_token'];
    await configureIntegration(engine.adminPorts, { integration: 'staff', secrets: {} });
    const first = await tokenOf();
    expect(first).toMatch(/^[\w-]{32}$/);
    await configureIntegration(engine.adminPorts, { integration: 'staff', secrets: { signing_secret: 'x' } });
    expect(await tokenOf()).toBe(first);
  });

  test('is absent if the integration’s URLs carry none', async () => {
    const engine = await prepare();
    await update(engine, {});
    expect((await accountOf(engine))?.secrets).not.toHaveProperty('url_token');
  });
});

describe('the addresses from which webhooks may come', () => {
  const shared = { ...staffWith({}), routing: { ...staffWith({}).routing, secrets: 'app' } } as typeof definition;
  const settingsOf = (engine: FakeEngine) => engine.settings.get('staff', 0);
  const configure = (engine: FakeEngine, change: Partial<Parameters<typeof configureIntegration>[1]>) =>
    configureIntegration(engine.adminPorts, { integration: 'staff', ...change });
  const one = ['192.0.2.0/24'];

  test('of an account are replaced, stay when a change leaves them out, and an empty list or null clears them', async () => {
    const engine = await prepare();
    await update(engine, { allowedRanges: one });
    expect(await accountOf(engine)).toMatchObject({ allowedRanges: one });
    await update(engine, { name: 'Acme' });
    expect(await accountOf(engine)).toMatchObject({ allowedRanges: one, name: 'Acme' });
    for (const none of [[], null]) {
      await update(engine, { allowedRanges: one });
      await update(engine, { allowedRanges: none });
      expect((await accountOf(engine))?.allowedRanges).toBeUndefined();
    }
  });

  test('of the URL for all accounts change alone, without the secrets, which nobody could send again', async () => {
    const engine = createFakeEngine(shared);
    await configure(engine, { secrets: { signing_secret: 'x' }, sharedContexts: true });
    await configure(engine, { allowedRanges: one });
    expect(await settingsOf(engine)).toMatchObject({
      secrets: { signing_secret: 'x' },
      sharedContexts: true,
      allowedRanges: one,
    });
    await configure(engine, { allowedRanges: [] });
    expect(await settingsOf(engine)).toMatchObject({ secrets: { signing_secret: 'x' }, sharedContexts: true });
    expect(await settingsOf(engine)).not.toHaveProperty('allowedRanges');
  });

  test('of the URL for all accounts are set, and sharing is switched off, without the secrets', async () => {
    const engine = createFakeEngine(shared);
    await configure(engine, { secrets: { signing_secret: 'x' }, sharedContexts: true });
    await configure(engine, { allowedRanges: one, sharedContexts: false });
    expect(await settingsOf(engine)).toMatchObject({ secrets: { signing_secret: 'x' }, allowedRanges: one });
    expect(await settingsOf(engine)).not.toHaveProperty('sharedContexts');
  });

  test.each([true, false])('stay, as the secrets do, when sharing alone is set to %s', async (sharedContexts) => {
    const engine = createFakeEngine(shared);
    await configure(engine, {
      secrets: { signing_secret: 'x' },
      allowedRanges: one,
      sharedContexts: !sharedContexts,
    });
    await configure(engine, { sharedContexts });
    expect(await settingsOf(engine)).toMatchObject({ secrets: { signing_secret: 'x' }, allowedRanges: one });
    expect((await settingsOf(engine))?.sharedContexts === true).toBe(sharedContexts);
  });

  test('of the URL for all accounts stay when its secret rotates', async () => {
    const engine = createFakeEngine(shared);
    await configure(engine, { secrets: { signing_secret: 'x' }, allowedRanges: one });
    await configure(engine, { secrets: { signing_secret: 'y' } });
    expect(await settingsOf(engine)).toMatchObject({ secrets: { signing_secret: 'y' }, allowedRanges: one });
  });

  test('fails when a request to the URL for all accounts comes from another address', async () => {
    const engine = createFakeEngine(shared);
    await configure(engine, { secrets: { signing_secret: 'a secret of acme' }, allowedRanges: one });
    const send = (sourceIp: string) =>
      receiveProviderRequest(
        engine.receivePorts,
        { integration: 'staff' },
        { ...staffRequest({ company: '636192', changes: [] }), sourceIp },
      );
    expect((await send('192.0.2.7')).kind).toBe('accepted');
    expect(await send('198.51.100.7')).toEqual({ kind: 'source-not-allowed', by: 'settings' });
  });
});

describe('the routing values of an account', () => {
  const parked = (company: string, rawId = `raw_${company}`) =>
    rawMessage(rawId, [], {
      body: {
        kind: 'inline',
        encoding: 'utf8',
        content: JSON.stringify({ company, changes: [{ verb: 'created', id: company }] }),
      },
    });
  const { account: _, ...shared } = parked('2');

  const recordsOf = async (engine: FakeEngine, tenant = 'acme') => {
    const deliveries = engine.rawQueue
      .receive()
      .map(({ id, body }) => ({ messageId: id, body, message: JSON.parse(body) }));
    for (const one of await normalizeWebhooks(engine.normalizePorts, deliveries)) expect(one.kind).toBe('mapped');
    const reader = followFeed(engine.feedPorts, tenant);
    await reader.read();
    return reader.seen.map(({ record_id: id }) => id);
  };

  test('are claimed before the account holds them, and parked requests are replayed', async () => {
    const engine = await prepare();
    await engine.parking.park('staff', ['2'], shared);
    const { ports, calls } = injectFault(engine.adminPorts);
    expect(
      await updateAccount(ports, 'acc_acme', { context: { company_id: ['636192', '2', '3'] }, mayClaim: true }),
    ).toMatchObject({
      kind: 'updated',
      account: { context: { company_id: ['636192', '2', '3'] } },
    });
    const place = (name: string) => calls.indexOf(name);
    expect(place('contexts.replace')).toBeGreaterThan(-1);
    expect(place('contexts.replace')).toBeLessThan(place('accounts.replace'));
    expect(place('accounts.replace')).toBeLessThan(place('parked.list'));
    expect(place('rawQueue.send')).toBeLessThan(place('parked.remove'));
    expect((await engine.contexts.find('staff', '2')).claims).toMatchObject([{ tenant: 'acme', account: 'acc_acme' }]);
    expect(await recordsOf(engine)).toEqual(['2']);
    expect(await waitingRequests(engine.parking, 'staff', '2')).toEqual([]);
  });

  test('are replaced as a whole: a dropped value has no owner (invariant 3)', async () => {
    const engine = await prepare();
    await update(engine, { context: { company_id: '2' } });
    await update(engine, { context: { company_id: '3' } });
    engine.rawQueue.send(JSON.stringify(shared));
    const [message] = engine.rawQueue.receive();
    const body = message?.body ?? '';
    expect(
      await normalizeWebhooks(engine.normalizePorts, [{ messageId: '1', body, message: JSON.parse(body) }]),
    ).toEqual([{ kind: 'unrouted' }]);
  });

  test('cause no replay if they do not change', async () => {
    const engine = await prepare();
    const { ports, calls } = injectFault(engine.adminPorts);
    await updateAccount(ports, 'acc_acme', { secrets: { token: 't' } });
    expect(calls).not.toContain('parked.list');
    expect(calls).not.toContain('contexts.replace');
  });

  test('release all parked requests once the owner retries, whatever failed before (invariant 9)', async () => {
    const change = { context: { company_id: '2' }, mayClaim: true };
    const prepared = async () => {
      const engine = await prepare();
      for (let at = 0; at < 3; at += 1) await engine.parking.park('staff', ['2'], { ...shared, rawId: `raw_${at}` });
      return engine;
    };
    const { ports, calls } = injectFault((await prepared()).adminPorts);
    await updateAccount(ports, 'acc_acme', change);
    for (let at = 1; at <= calls.length; at += 1)
      for (const fault of faultsAt(at)) {
        const engine = await prepared();
        const struck = injectFault(engine.adminPorts, fault);
        await expect(updateAccount(struck.ports, 'acc_acme', change)).rejects.toThrow(/failed|ended/);
        expect(await update(engine, change)).toMatchObject({ kind: 'updated' });
        expect(await recordsOf(engine)).toEqual(['2']);
        expect(await waitingRequests(engine.parking, 'staff', '2'), `${calls[at - 1]} ${fault.moment}`).toEqual([]);
      }
  });

  test('release all parked requests once the owner retries an interrupted creation', async () => {
    const context = { company_id: '2' };
    const request = { id: 'acc_new', tenant: 'acme', integration: 'staff', secrets: {}, context, mayClaim: true };
    const prepared = async () => {
      const engine = createFakeEngine(definition);
      await engine.parking.park('staff', ['2'], shared);
      return engine;
    };
    const { ports, calls } = injectFault((await prepared()).adminPorts);
    await createAccount(ports, request);
    for (let at = 1; at <= calls.length; at += 1)
      for (const fault of faultsAt(at)) {
        const engine = await prepared();
        await expect(createAccount(injectFault(engine.adminPorts, fault).ports, request)).rejects.toThrow(
          /failed|ended/,
        );
        expect(['created', 'exists']).toContain((await createAccount(engine.adminPorts, request)).kind);
        expect(await recordsOf(engine)).toEqual(['2']);
      }
  });
});

describe('concurrent changes', () => {
  test('are all kept', async () => {
    const engine = await prepare();
    const results = await Promise.all([
      update(engine, { secrets: { token: 't' } }),
      update(engine, { context: { company_id: '7' } }),
      update(engine, { secrets: { signing_secret: 'new' } }),
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(['updated', 'updated', 'updated']);
    expect(await accountOf(engine)).toMatchObject({
      secrets: { signing_secret: 'new', client_id: 'c1', token: 't' },
      context: { company_id: '7' },
      revision: 4,
    });
  });

  test('fails when other changes always win, with a retryable error', async () => {
    const engine = await prepare();
    const { accounts } = engine;
    const ports = {
      ...engine.adminPorts,
      accounts: { ...accounts, replace: async () => false },
    };
    await expect(updateAccount(ports, 'acc_acme', {})).rejects.toMatchObject({ code: 'contended', retryable: true });
  });
});
