import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { RawMessage } from '../../../lambdas/contracts/messages.ts';
import { parseDefinition } from '../../../lambdas/engine/definition/parse-definition.ts';
import type { WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import { answerOf, receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import type { Account } from '../../../lambdas/ports/accounts/account-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { injectFault } from '../../fakes/inject-fault.ts';
import { parsedWebhook } from '../../fakes/parsed-webhook.ts';
import { anAccount, staff } from '../../fakes/samples.ts';

const hmac = {
  algorithm: 'sha256',
  encoding: 'hex',
  key: 'signing_secret',
  message: '{body}',
  signature: '{header.X-Signature}',
};
const respond = { status: 200, body: 'hello' };
const definition = (() => {
  const written = {
    name: 'staff',
    title: 'Staff',
    docs: 'https://staff.example/webhooks',
    secrets: { signing_secret: 'The secret.', late_secret: 'The captured secret.' },
    webhook: {
      decode: 'json',
      verify: { hmac },
      handshakes: [
        { name: 'open', when: { 'json.ping': true }, verify: 'none', respond },
        { name: 'signed', when: { 'json.signed': true }, respond },
        {
          name: 'proof',
          when: { 'json.prove': { present: true } },
          verify: 'none',
          respond: { json: { proof: '{json.prove | hmac_sha256(signing_secret)}' } },
        },
        {
          name: 'brought',
          when: { 'json.secret': { present: true } },
          verify: 'none',
          capture: { secret: 'late_secret', from: '{json.secret}' },
          respond,
        },
      ],
    },
    routing: {
      context_lookup_field: 'body.company',
      account_context: 'company_id',
      secrets: 'account',
      context: ['{json.company}', { items: 'json.items', value: '{item.company}' }],
    },
    mapping: staff.mapping,
  };
  const parsed = parseDefinition(JSON.stringify(written), { file: 'x', folder: 'staff', read: () => undefined });
  return parsedWebhook(parsed);
})();

const shared = { integration: 'staff' };

async function prepare(): Promise<FakeEngine> {
  const engine = createFakeEngine(definition);
  await connect(engine, 'acme', '1');
  await connect(engine, 'globex', '2');
  return engine;
}

async function connect(engine: FakeEngine, tenant: string, companies: unknown, change: Partial<Account> = {}) {
  const account = anAccount({
    id: `acc_${tenant}`,
    tenant,
    context: { company_id: companies },
    secrets: { signing_secret: `secret of ${tenant}` },
    ...change,
  });
  await engine.accounts.create(account);
  await engine.contexts.register('staff', [companies].flat().map(String), account.id);
}

function requestOf(body: unknown, signer?: string, change: Partial<WebhookRequest> = {}): WebhookRequest {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const signature = createHmac('sha256', `secret of ${signer}`).update(bytes).digest('hex');
  return {
    method: 'POST',
    url: 'https://hooks.example.com/in/staff',
    path: '/in/staff',
    query: '',
    headers: { 'content-type': 'application/json', ...(signer === undefined ? {} : { 'x-signature': signature }) },
    body: bytes,
    ...change,
  };
}

const send = (engine: FakeEngine, body: unknown, signer?: string) =>
  receiveProviderRequest(engine.receivePorts, shared, requestOf(body, signer));
const queuedOf = (engine: FakeEngine) =>
  engine.rawQueue.messages().map(({ body }) => (JSON.parse(body) as RawMessage).account);

describe('a request to a URL that verifies with the secrets of accounts', () => {
  test('belongs to the account that it names, if the secret of that account signed it', async () => {
    const engine = await prepare();
    expect(await send(engine, { company: '1' }, 'acme')).toMatchObject({ kind: 'accepted' });
    expect(await send(engine, { company: 2 }, 'globex')).toMatchObject({ kind: 'accepted' });
    // The message is as one from the account's own URL, so its events belong to no other account.
    expect(queuedOf(engine)).toEqual(['acc_acme', 'acc_globex']);
    expect(engine.rawQueue.messages().map(({ group }) => group)).toEqual(['acc_acme', 'acc_globex']);
  });

  test('has its large body stored under its account', async () => {
    const engine = await prepare();
    const text = 'x'.repeat(limits.claimThresholdBytes);
    expect(await send(engine, { company: '1', text }, 'acme')).toMatchObject({ kind: 'accepted' });
    expect(engine.rawBodies.keys()).toEqual([expect.stringMatching(/^acc_acme\//)]);
  });

  test('fails when a customer signs for another customer with its own secret', async () => {
    const engine = await prepare();
    expect(await send(engine, { company: '2' }, 'acme')).toMatchObject({ reason: 'account-unverified' });
    expect(queuedOf(engine)).toEqual([]);
  });

  test('fails when the account does not take webhooks from its address, with the answer that every stranger gets', async () => {
    const engine = await prepare();
    await connect(engine, 'initech', '3', { allowedRanges: ['192.0.2.0/24'] });
    const sendFrom = (sourceIp: string, company: string, signer: string) =>
      receiveProviderRequest(engine.receivePorts, shared, requestOf({ company }, signer, { sourceIp }));
    expect(await sendFrom('192.0.2.7', '3', 'initech')).toMatchObject({ kind: 'accepted' });
    expect(await sendFrom('198.51.100.7', '1', 'acme')).toMatchObject({ kind: 'accepted' });
    const refused = await sendFrom('198.51.100.7', '3', 'initech');
    expect(refused).toEqual(await sendFrom('198.51.100.7', '999', 'initech'));
    expect(refused).toMatchObject({ reason: 'account-unverified' });
    expect(queuedOf(engine)).toEqual(['acc_initech', 'acc_acme']);
  });

  test('fails when it holds items of two accounts; one account may have several items', async () => {
    const engine = await prepare();
    await connect(engine, 'initech', ['3', '4']);
    const items = (...companies: readonly string[]) => ({ items: companies.map((company) => ({ company })) });
    expect(await send(engine, items('1', '2'), 'acme')).toMatchObject({ reason: 'account-unverified' });
    expect(await send(engine, items('2', '1'), 'acme')).toMatchObject({ reason: 'account-unverified' });
    expect(await send(engine, { company: '1', ...items('2') }, 'acme')).toMatchObject({ reason: 'account-unverified' });
    expect(await send(engine, items('3', '4', '3'), 'initech')).toMatchObject({ kind: 'accepted' });
    expect(await send(engine, items('3', '5'), 'initech')).toMatchObject({ reason: 'account-unverified' });
    expect(queuedOf(engine)).toEqual(['acc_initech']);
  });

  test('belongs to the first of several accounts whose secret verifies it', async () => {
    const engine = await prepare();
    await connect(engine, 'acme2', '1', { tenant: 'acme' });
    expect(await send(engine, { company: '1' }, 'acme2')).toMatchObject({ kind: 'accepted' });
    expect(queuedOf(engine)).toEqual(['acc_acme2']);
  });

  test('is tried with at most ten accounts', async () => {
    const engine = createFakeEngine(definition);
    for (let at = 10; at < 30; at += 1) await connect(engine, `t${at}`, '1', { tenant: 'acme' });
    expect(await send(engine, { company: '1' }, 't19')).toMatchObject({ kind: 'accepted' });
    expect(await send(engine, { company: '1' }, 't20')).toMatchObject({ reason: 'account-unverified' });
  });

  test('fails when the registry names an account whose own context lacks the value', async () => {
    const engine = await prepare();
    await engine.contexts.register('staff', ['9'], 'acc_acme');
    await engine.contexts.register('staff', ['9'], 'acc_gone');
    expect(await send(engine, { company: '9' }, 'acme')).toMatchObject({ reason: 'account-unverified' });
    // Longer than an account stays in the cache.
    engine.clock.advance(10_001);
    engine.accounts.overwrite(
      anAccount({ context: { company_id: '1' }, secrets: { signing_secret: 'secret of acme' }, integration: 'other' }),
    );
    expect(await send(engine, { company: '1' }, 'acme')).toMatchObject({ reason: 'account-unverified' });
    engine.accounts.overwrite(anAccount({ context: { company_id: '1' }, secrets: {}, closed: true }));
    expect(await send(engine, { company: '1' }, 'acme')).toMatchObject({ reason: 'account-unverified' });
  });

  test('is verified with a secret that was changed since the account was read', async () => {
    const engine = await prepare();
    await send(engine, { company: '1' }, 'acme');
    const account = await engine.accounts.find('acc_acme');
    if (account === undefined) throw new Error('the account is there');
    engine.accounts.overwrite({ ...account, secrets: { signing_secret: 'secret of next' } });
    expect(await send(engine, { company: '1' }, 'next')).toMatchObject({ kind: 'accepted' });
    expect(await send(engine, { company: '1' }, 'acme')).toMatchObject({ kind: 'rejected' });
  });

  test('is not verified with secrets of the integration: every customer could use them', async () => {
    const engine = await prepare();
    await engine.settings.replace({ integration: 'staff', secrets: { signing_secret: 'secret of app' }, revision: 0 });
    expect(await send(engine, { company: '1' }, 'app')).toMatchObject({ reason: 'account-unverified' });
    expect(await send(engine, {}, 'app')).toMatchObject({ reason: 'account-unverified' });
  });

  test('fails when its body is larger than the limit for unverified requests', async () => {
    const engine = await prepare();
    const text = 'x'.repeat(limits.maxUnverifiedBodyBytes);
    const receipt = await send(engine, { company: '1', text }, 'acme');
    expect(receipt).toEqual({ kind: 'too-large', maxBytes: limits.maxUnverifiedBodyBytes });
    expect(answerOf(receipt).body).toContain(String(limits.maxUnverifiedBodyBytes));
    expect(
      await receiveProviderRequest(
        engine.receivePorts,
        { ...shared, account: 'acc_acme' },
        requestOf({ company: '1', text }, 'acme'),
      ),
    ).toMatchObject({ kind: 'accepted' });
  });
});

describe('a stranger', () => {
  const forged: readonly [string, unknown, string?][] = [
    ['an unknown value', { company: '404' }, 'acme'],
    ['a known value, signed by another', { company: '2' }, 'acme'],
    ['a known value without a signature', { company: '2' }],
    ['an unknown value without a signature', { company: '404' }],
    ['values of two accounts', { items: [{ company: '1' }, { company: '2' }] }, 'acme'],
    ['no value', {}, 'acme'],
    ['an empty value', { company: '' }, 'acme'],
    ['a value of a wrong type', { company: { $gt: '' } }, 'acme'],
    ['a value longer than any', { company: 'x'.repeat(600) }, 'acme'],
    ['no object', '7', 'acme'],
  ];

  test.each(forged)('gets the same answer for %s', async (_name, body, signer) => {
    const engine = await prepare();
    const receipt = await send(engine, body, signer);
    expect(receipt).toEqual({ kind: 'rejected', reason: 'account-unverified', reply: expect.anything() });
    expect(answerOf(receipt)).toMatchObject({ status: 401 });
    expect(JSON.parse(answerOf(receipt).body)).toMatchObject({ reason: 'account-unverified' });
    expect(queuedOf(engine)).toEqual([]);
  });

  test('gets the same answer for an account without a secret, and for a GET', async () => {
    const engine = await prepare();
    await connect(engine, 'bare', '5', { secrets: {} });
    const of = async (company: string, method: string) =>
      answerOf(await receiveProviderRequest(engine.receivePorts, shared, requestOf({ company }, 'x', { method })));
    for (const method of ['POST', 'GET', 'PUT']) {
      const [known, bare, unknown] = [await of('1', method), await of('5', method), await of('404', method)];
      expect(known).toEqual(unknown);
      expect(bare).toEqual(unknown);
    }
  });

  test('causes the same reads, whether a value is known or not', async () => {
    const engine = await prepare();
    const callsOf = async (company: string) => {
      const { ports, calls } = injectFault(engine.receivePorts);
      await receiveProviderRequest(ports, shared, requestOf({ company }, 'stranger'));
      return calls.filter((call) => !/randomness|clock/.test(call));
    };
    expect(await callsOf('1')).toEqual(['webhook', 'contexts.find', 'accounts.get', 'accounts.get']);
    expect(await callsOf('404')).toEqual(await callsOf('1'));
  });

  test('gets an error for an unreadable body, whichever account it is for', async () => {
    const engine = await prepare();
    for (const signer of ['acme', undefined])
      expect(await send(engine, '{', signer)).toEqual({ kind: 'malformed', expected: 'a JSON body' });
  });
});

describe('a handshake at such a URL', () => {
  test('that needs no secret is answered, whatever it names', async () => {
    const engine = await prepare();
    for (const company of [undefined, '1', '404'])
      expect(await send(engine, { ping: true, company })).toMatchObject({ kind: 'handshake', name: 'open' });
  });

  test('that is signed, or answered with a secret, belongs to the account that it names', async () => {
    const engine = await prepare();
    expect(await send(engine, { signed: true, company: '1' }, 'acme')).toMatchObject({ kind: 'handshake' });
    const proof = createHmac('sha256', 'secret of globex').update('abc').digest('hex');
    expect(await send(engine, { prove: 'abc', company: '2' })).toMatchObject({
      kind: 'handshake',
      response: { body: JSON.stringify({ proof }) },
    });
    for (const [body, signer] of [
      [{ signed: true, company: '2' }, 'acme'],
      [{ signed: true }, 'acme'],
      [{ prove: 'abc' }, undefined],
      [{ prove: 'abc', company: '404' }, undefined],
    ] as const)
      expect(await send(engine, body, signer)).toMatchObject({ kind: 'rejected', reason: 'account-unverified' });
  });

  test('that carries a secret stores it for the account that it names, if its capture is armed', async () => {
    const engine = await prepare();
    const secret = 'a secret of 25 characters';
    await connect(engine, 'waiting', '6', { capture: { secrets: ['late_secret'], expiresAtEpochSeconds: 4e9 } });
    expect(await send(engine, { secret, company: '404' })).toMatchObject({ reason: 'account-unverified' });
    expect(await send(engine, { secret, company: '6' })).toMatchObject({ kind: 'handshake' });
    expect(await engine.accounts.find('acc_waiting')).toMatchObject({ secrets: { late_secret: [secret] } });
  });
});
