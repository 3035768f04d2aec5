import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { fromItem } from '../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { createDynamoAnswerStore } from '../../lambdas/adapters/dynamo/stores/idempotency-store.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { AnswerClaim, AnswerStore } from '../../lambdas/ports/tenants/idempotency-store.ts';
import { createInMemoryAnswers } from '../fakes/in-memory-answers.ts';
import { createInMemoryClaimStore } from '../fakes/in-memory-claim-store.ts';
import { createManualClock } from '../fakes/manual-clock.ts';
import { createSeededRandomness } from '../fakes/seeded-randomness.ts';
import { useTables } from './emulated-aws.ts';

const tables = useTables();
const implementations: readonly (readonly [string, (clock: Clock) => Promise<AnswerStore>])[] = [
  ['the fake', async (clock) => createInMemoryAnswers(clock)],
  [
    'DynamoDB',
    async (clock) =>
      createDynamoAnswerStore(tables.client(), await tables.create('idempotency'), createInMemoryClaimStore(), clock),
  ],
];
const clock = createManualClock();
const claim = (owner: string, options: Partial<AnswerClaim> = {}): AnswerClaim => ({
  id: 'api#key#name',
  fingerprint: 'of the request',
  owner,
  seed: `seed of ${owner}`,
  sealKey: new Uint8Array(32).fill(7),
  leaseUntilMs: clock.nowMs() + 30_000,
  expiresAtEpochSeconds: Math.ceil(clock.nowMs() / 1000) + 86_400,
  ...options,
});
const answer = { status: 201, headers: { 'content-type': 'application/json' }, body: '{"id":"acc_ü"}' };

describe.each(implementations)('answers on %s', (_, open) => {
  test('one call claims a request; the next learns that it runs, and later gets the answer', async () => {
    const store = await open(clock);
    const mine = claim('first');
    const another = { fingerprint: 'of another', sealKey: new Uint8Array(32) };
    expect(await store.claim(mine)).toEqual({ kind: 'claimed', seed: 'seed of first' });
    expect(await store.claim(claim('second'))).toEqual({ kind: 'running', leaseUntilMs: mine.leaseUntilMs });
    expect(await store.claim(claim('second', another))).toEqual({ kind: 'mismatch' });
    await store.complete(mine, answer);
    expect(await store.claim(claim('third'))).toEqual({ kind: 'answered', answer });
    expect(await store.claim(claim('third', another))).toEqual({ kind: 'mismatch' });
  });

  test('a released request, or one whose run is dead, may be claimed again; the dead run has no effect', async () => {
    const manual = createManualClock();
    const store = await open(manual);
    const mine = claim('first', { leaseUntilMs: manual.nowMs() + 30_000 });
    await store.claim(mine);
    await store.release(mine);
    expect(await store.claim(mine)).toEqual({ kind: 'claimed', seed: 'seed of first' });
    manual.advance(30_001);
    const next = claim('second', { leaseUntilMs: manual.nowMs() + 30_000 });
    expect(await store.claim(claim('second', { fingerprint: 'of another' }))).toEqual({ kind: 'mismatch' });
    // The new run continues with the seed of the dead one.
    expect(await store.claim(next)).toEqual({ kind: 'claimed', seed: 'seed of first' });
    await store.complete(mine, answer);
    await store.release(mine);
    expect(await store.claim(claim('third'))).toMatchObject({ kind: 'running' });
  });

  test('an answer is kept until it expires', async () => {
    const manual = createManualClock();
    const store = await open(manual);
    const mine = claim('first', { expiresAtEpochSeconds: manual.nowMs() / 1000 + 86_400 });
    await store.claim(mine);
    await store.complete(mine, answer);
    manual.advance(86_400_000);
    expect(await store.claim(claim('second'))).toMatchObject({ kind: 'answered' });
    manual.advance(2000);
    expect(await store.claim(claim('third'))).toEqual({ kind: 'claimed', seed: 'seed of third' });
  });

  test('a claim that its run left may be taken over immediately, with its seed, by one call only', async () => {
    const store = await open(clock);
    const mine = claim('first');
    await store.claim(mine);
    await store.leave(mine);
    expect(await store.claim(claim('other', { fingerprint: 'of another' }))).toEqual({ kind: 'mismatch' });
    const standings = await Promise.all(['second', 'third'].map((owner) => store.claim(claim(owner))));
    expect(standings.map(({ kind }) => kind).toSorted()).toEqual(['claimed', 'running']);
    expect(standings.find(({ kind }) => kind === 'claimed')).toEqual({ kind: 'claimed', seed: 'seed of first' });
    await store.leave(mine);
    expect(await store.claim(claim('fourth'))).toMatchObject({ kind: 'running' });
  });

  test('an answer too large for a row is kept, too', async () => {
    const store = await open(clock);
    const mine = claim('first');
    const large = { ...answer, body: createSeededRandomness().bytes(600_000).toString('hex') };
    await store.claim(mine);
    await store.complete(mine, large);
    expect(await store.claim(claim('second'))).toMatchObject({ kind: 'answered', answer: large });
  });
});

test('a stored answer is sealed, and only its own request opens it (invariant 10)', async () => {
  const table = await tables.create('idempotency');
  const store = createDynamoAnswerStore(tables.client(), table, createInMemoryClaimStore(), clock);
  const mine = claim('first');
  await store.claim(mine);
  await store.complete(mine, { ...answer, body: '{"key":"tk_shown_once"}' });
  const { Items = [] } = await tables.client().send(new ScanCommand({ TableName: table }));
  const [row] = Items.map(fromItem);
  const stored = Buffer.from(row?.['answer'] as Uint8Array<ArrayBuffer>);
  expect(stored.subarray(0, 2)).not.toEqual(Buffer.from([0x1f, 0x8b]));
  expect(JSON.stringify(row)).not.toContain(Buffer.from(mine.sealKey).toString('base64'));
  await expect(store.claim(claim('second', { sealKey: new Uint8Array(32) }))).rejects.toThrow('authenticate data');
});
