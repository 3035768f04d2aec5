import { describe, expect, test } from 'vitest';
import { createDynamoNonceStore } from '../../lambdas/adapters/dynamo/stores/nonce-store.ts';
import type { NonceClaim, NonceStore } from '../../lambdas/ports/accounts/nonce-store.ts';
import { createInMemoryNonces } from '../fakes/in-memory-nonces.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { useTables } from './emulated-aws.ts';

interface Nonces {
  readonly store: NonceStore;
  readonly clock: ManualClock;
}

const tables = useTables();
const implementations: readonly (readonly [string, () => Promise<Nonces>])[] = [
  [
    'the fake',
    async () => {
      const clock = createManualClock();
      return { clock, store: createInMemoryNonces(clock) };
    },
  ],
  [
    'DynamoDB',
    async () => {
      const clock = createManualClock();
      return { clock, store: createDynamoNonceStore(tables.client(), await tables.create('idempotency'), clock) };
    },
  ],
];

const nowSeconds = createManualClock().nowMs() / 1000;
const aClaim = (change: Partial<NonceClaim> = {}): NonceClaim => ({
  owner: 'acc_acme',
  value: 'token',
  bodySha256: 'aa',
  expiresAtEpochSeconds: nowSeconds + 60,
  ...change,
});
const other = aClaim({ bodySha256: 'bb' });

describe.each(implementations)('nonces on %s', (_, open) => {
  test('are claimed by the first body, and again by the same body', async () => {
    const { store } = await open();
    for (let time = 0; time < 3; time += 1) expect(await store.claim(aClaim())).toBe('claimed');
    expect(await store.claim(other)).toBe('taken');
    expect(await store.claim(aClaim())).toBe('claimed');
  });

  test('are separate for each owner and each value', async () => {
    const { store } = await open();
    await store.claim(aClaim());
    for (const change of [
      { owner: 'acc_globex' },
      { value: 'another' },
      { value: '' },
      { owner: 'acc_', value: 'acmetoken' },
      { owner: 'acc_acme"', value: ',"token' },
      { value: 'x'.repeat(5_000) },
      { value: '😀\u0000"' },
    ])
      expect(await store.claim({ ...other, ...change }), JSON.stringify(change)).toBe('claimed');
    expect(await store.claim(other)).toBe('taken');
  });

  test('are free again once they expire, to the second', async () => {
    const { store, clock } = await open();
    await store.claim(aClaim());
    clock.advance(59_999);
    expect(await store.claim(other)).toBe('taken');
    clock.advance(1);
    expect(await store.claim(other)).toBe('claimed');
    expect(await store.claim(aClaim()), 'the second claim has expired, too').toBe('claimed');
  });

  test('are kept from their last claim on', async () => {
    const { store, clock } = await open();
    await store.claim(aClaim());
    clock.advance(50_000);
    await store.claim(aClaim({ expiresAtEpochSeconds: nowSeconds + 110 }));
    clock.advance(50_000);
    expect(await store.claim(other)).toBe('taken');
  });

  test('go to one of many concurrent bodies', async () => {
    const { store } = await open();
    const claims = Array.from({ length: 8 }, (_, at) => store.claim(aClaim({ bodySha256: String(at) })));
    expect((await Promise.all(claims)).filter((result) => result === 'claimed')).toHaveLength(1);
    const same = Array.from({ length: 8 }, () => store.claim(aClaim({ value: 'another' })));
    expect(new Set(await Promise.all(same))).toEqual(new Set(['claimed']));
  });
});
