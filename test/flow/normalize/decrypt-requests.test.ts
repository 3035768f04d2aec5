import { describe, expect, test } from 'vitest';
import { configureIntegration } from '../../../lambdas/flows/accounts/configure-integration.ts';
import { receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import { makeKeys } from '../../../lib/definitions/make-keys.ts';
import { signRequest } from '../../../lib/definitions/sign-request.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { anAccount } from '../../fakes/samples.ts';
import { followFeed } from '../follow-feed.ts';
import { staffRequest, staffWith } from '../provider-request.ts';

const sealing = {
  ...staffWith(
    {
      decrypt: {
        items: 'json.changes',
        from: 'sealed',
        into: 'content',
        key: { secret: 'decryption_key', from: 'key' },
        content: 'data',
        signature: 'mac',
      },
    },
    ['decryption_key'],
  ),
  mapping: `[body.changes.{
    "context": company,
    "event_type": "updated",
    "raw_event_type": "employee.updated",
    "resource": "hris/employees",
    "record_id": id,
    "data": content
  }]`,
};
const [right, wrong] = ['right', 'wrong'].map((label) => makeKeys(sealing, label)) as [Keys, Keys];
type Keys = ReturnType<typeof makeKeys>;

/** A request with an encrypted item, signed as it is sent. */
function sealed({ secrets }: Keys = right, company?: string) {
  const plain = staffRequest({ company, changes: [{ id: '1', company, sealed: { name: 'Ada, in secret' } }] });
  return signRequest(sealing, plain, { secrets: { ...secrets, signing_secret: 'a secret of acme' } }, 0);
}

async function prepare(secrets: Readonly<Record<string, string | readonly string[]>>): Promise<FakeEngine> {
  const engine = createFakeEngine(sealing);
  await engine.accounts.create(anAccount({ secrets: { signing_secret: 'a secret of acme', ...secrets } }));
  return engine;
}

const keyOf = ({ secrets }: Keys) => secrets['decryption_key'] ?? '';
const own = { integration: 'staff', account: 'acc_acme' };

async function pass(engine: FakeEngine, request = sealed(), target: { integration: string; account?: string } = own) {
  expect(await receiveProviderRequest(engine.receivePorts, target, request)).toMatchObject({ kind: 'accepted' });
  for (const { body } of engine.rawQueue.messages()) expect(body).not.toContain('Ada');
  const deliveries = engine.rawQueue
    .receive()
    .map(({ id, body }) => ({ messageId: id, body, message: JSON.parse(body) }));
  return normalizeWebhooks(engine.normalizePorts, deliveries);
}

async function dataOf(engine: FakeEngine) {
  const reader = followFeed(engine.feedPorts, 'acme');
  await reader.read();
  return reader.seen.map(({ data }) => data);
}

describe('an encrypted item', () => {
  test('is mapped as its decrypted content, and waits encrypted in the queue', async () => {
    const engine = await prepare({ decryption_key: keyOf(right) });
    expect(await pass(engine)).toMatchObject([{ kind: 'mapped' }]);
    expect(await dataOf(engine)).toEqual([{ name: 'Ada, in secret' }]);
  });

  test('is decrypted with the settings’ key when it came by the URL for all accounts', async () => {
    const engine = await prepare({ decryption_key: keyOf(wrong) });
    const secrets = { signing_secret: 'a secret of acme', decryption_key: keyOf(right) };
    await configureIntegration(engine.adminPorts, { integration: 'staff', secrets });
    await engine.contexts.register('staff', ['636192'], 'acc_acme');
    expect(await pass(engine, sealed(right, '636192'), { integration: 'staff' })).toMatchObject([{ kind: 'mapped' }]);
    expect(await dataOf(engine)).toEqual([{ name: 'Ada, in secret' }]);
  });

  test('is decrypted with a key that was changed since the account was read', async () => {
    const engine = await prepare({ decryption_key: keyOf(wrong) });
    await engine.normalizePorts.accounts.get('acc_acme', 10_000);
    const secrets = { signing_secret: 'a secret of acme', decryption_key: [keyOf(right), keyOf(wrong)] };
    engine.accounts.overwrite(anAccount({ secrets }));
    expect(await pass(engine)).toMatchObject([{ kind: 'mapped' }]);
    expect(await pass(engine, sealed(wrong))).toMatchObject([{ kind: 'mapped' }]);
  });

  test.each<[string, Readonly<Record<string, string>>, string]>([
    [
      'the key is another',
      { decryption_key: keyOf(wrong) },
      'body: an item could not be decrypted with the private key',
    ],
    ['there is no key', {}, 'body: the secret "decryption_key" is not configured'],
  ])('is kept with the reason, and can be taken up again, when %s (invariant 9)', async (_name, secrets, reason) => {
    const engine = await prepare(secrets);
    expect(await pass(engine)).toEqual([{ kind: 'dead-lettered', reason }]);
    const [letter] = engine.rawDeadLetters.messages();
    expect(letter?.reason).toBe(reason);
    engine.accounts.overwrite(
      anAccount({ secrets: { signing_secret: 'a secret of acme', decryption_key: keyOf(right) } }),
    );
    const body = letter?.body ?? '';
    expect(
      await normalizeWebhooks(engine.normalizePorts, [{ messageId: '1', body, message: JSON.parse(body) }]),
    ).toMatchObject([{ kind: 'mapped' }]);
  });

  test('needs no key when the request has no encrypted item', async () => {
    const engine = await prepare({});
    const plain = staffRequest({ changes: [{ id: '2', content: { name: 'Grace' } }] });
    expect(await pass(engine, plain)).toMatchObject([{ kind: 'mapped' }]);
  });
});
