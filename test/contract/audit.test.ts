import { describe, expect, test } from 'vitest';
import { createDynamoAuditLog } from '../../lambdas/adapters/dynamo/stores/audit-log.ts';
import { searchAudit } from '../../lambdas/flows/access/audit-call.ts';
import type { AuditEntry, AuditLog } from '../../lambdas/ports/tenants/audit-log.ts';
import { createInMemoryAudit } from '../fakes/in-memory-audit.ts';
import { createInMemoryClaimStore } from '../fakes/in-memory-claim-store.ts';
import { createManualClock } from '../fakes/manual-clock.ts';
import { useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

const tables = useTables();
const copies = createInMemoryClaimStore();
const implementations: readonly (readonly [string, () => Promise<AuditLog>])[] = [
  ['the fake', async () => createInMemoryAudit()],
  [
    'DynamoDB',
    async () => createDynamoAuditLog(tables.client(), await tables.create('audit'), copies, { retentionDays: 400 }),
  ],
];

function entry(at: string, options: Partial<AuditEntry> = {}): AuditEntry {
  return {
    id: `aud_${Date.parse(at).toString(36)}`,
    at,
    operation: 'updateSubscription',
    object: 'subscriptions/sub_acme',
    tenant: 'acme',
    actor: { key: 'key1', token: null },
    source: { ip: '203.0.113.7', user_agent: null, request_id: 'request_1' },
    status: null,
    fields: ['url'],
    before: null,
    after: null,
    ...options,
  };
}
const days = ['2026-11-18', '2026-11-20', '2026-11-21'];
const entries = days.flatMap((day) => [
  entry(`${day}T01:00:00.000Z`),
  entry(`${day}T02:00:00.000Z`, { tenant: null, id: `aud_all_${day}` }),
  entry(`${day}T03:00:00.000Z`, { tenant: 'globex', id: `aud_globex_${day}` }),
]);
const span = { since: '2026-11-01T00:00:00.000Z', until: '2026-11-21T12:00:00.000Z' };

describe.each(implementations)('audit on %s', (_, open) => {
  const filled = async () => {
    const log = await open();
    for (const one of entries) {
      await log.begin(one);
      await log.end({ ...one, status: 200, before: { n: 1.5 }, after: { n: 2 ** 60, text: 'ü' } });
    }
    return log;
  };
  const idsOf = async (log: AuditLog, tenant: string | undefined, limit: number, within = span) =>
    (await readAllPages((after) => log.list({ ...within, tenant, limit, after }))).flat().map(({ id }) => id);
  const newest = (tenant?: string | null) =>
    entries
      .filter((one) => tenant === undefined || one.tenant === tenant)
      .map(({ id }) => id)
      .reverse();

  test.each([1, 2, 4, 100])('lists all entries, newest first, across empty days, %i at a time', async (limit) => {
    expect(await idsOf(await filled(), undefined, limit)).toEqual(newest());
  });

  test('notes only the first of several entries with one key, and copies that one', async () => {
    const log = await open();
    const noted = entry('2026-11-21T03:00:00.000Z', { id: 'aud_noted', status: 401, after: { reason: 'unknown' } });
    await Promise.all(
      ['one', 'two', 'three'].map((request_id) => log.note({ ...noted, source: { ...noted.source, request_id } })),
    );
    await log.note({ ...noted, status: 200 });
    const { items } = await log.list({ ...span, tenant: 'acme', limit: 10, after: undefined });
    expect(items).toMatchObject([{ id: 'aud_noted', status: 401, after: { reason: 'unknown' } }]);
    expect(copies.keys().filter((key) => key.includes('aud_noted')).length).toBeLessThanOrEqual(1);
  });

  test('lists only the entries of a tenant (invariant 3)', async () => {
    const log = await filled();
    for (const limit of [1, 2, 100]) expect(await idsOf(log, 'acme', limit)).toEqual(newest('acme'));
    expect(await idsOf(log, 'initech', 10)).toEqual([]);
  });

  test('lists a time span, its begin included and its end excluded, even with the cursor of another span', async () => {
    const log = await filled();
    const within = { since: '2026-11-20T01:00:00.000Z', until: '2026-11-21T01:00:00.000Z' };
    const expected = entries
      .slice(3, 6)
      .map(({ id }) => id)
      .reverse();
    expect(await idsOf(log, undefined, 2, within)).toEqual(expected);
    const { next } = await log.list({ ...span, tenant: undefined, limit: 1, after: undefined });
    const page = await log.list({ ...within, tenant: undefined, limit: 10, after: next });
    expect(page.items.map(({ id }) => id)).toEqual(expected);
    expect(
      (await log.list({ ...within, tenant: 'acme', limit: 10, after: '2020-01-01T00:00:00.000Z#x' })).items,
    ).toEqual([]);
  });

  test('a search that ends years in the future finds the entries immediately', async () => {
    const audit = await filled();
    const clock = createManualClock();
    const untilMs = clock.nowMs() + 10 * 365 * 86_400_000;
    const any = { key: undefined, operation: undefined, object: undefined, after: undefined, limit: 1 };
    const found = await searchAudit({ audit, clock }, { ...any, tenant: undefined, sinceMs: undefined, untilMs });
    expect(found.items.map(({ id }) => id)).toEqual(newest().slice(0, 1));
  });

  test('keeps an entry that has begun, and never changes one that has ended', async () => {
    const log = await open();
    const begun = entry('2026-11-21T01:00:00.000Z');
    await log.begin(begun);
    const read = async () => (await log.list({ ...span, tenant: 'acme', limit: 1, after: undefined })).items[0];
    expect(await read()).toEqual(begun);
    const ended = { ...begun, status: 409, after: { id: 'sub_acme' } };
    await log.end(ended);
    await log.end({ ...begun, status: 200 });
    expect(await read()).toEqual(ended);
  });
});

test('copies every entry as it began and as it ended', async () => {
  const log = createDynamoAuditLog(tables.client(), await tables.create('audit'), copies, { retentionDays: 400 });
  const begun = entry('2026-10-05T01:00:00.000Z', { id: 'aud_copied' });
  await log.begin(begun);
  await log.end({ ...begun, status: 204 });
  const read = async (phase: string) =>
    JSON.parse((await copies.get(`2026/10/05/aud_copied.${phase}.json`)).toString());
  expect(await read('begun')).toEqual(begun);
  expect(await read('ended')).toEqual({ ...begun, status: 204 });
});
