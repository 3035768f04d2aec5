import { describe, expect, test } from 'vitest';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import type { ExportEntry } from '../../../lambdas/flows/tenants/export-sections.ts';
import { exportTenant } from '../../../lambdas/flows/tenants/export-tenant.ts';
import { updateTenant } from '../../../lambdas/flows/tenants/manage-tenant.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { furnishTenant, keysOf } from '../../fakes/furnish-tenant.ts';
import { anEvent, aRecordState, staff } from '../../fakes/samples.ts';

const views = {
  tenant: ({ tenant, retention }: { tenant: string; retention: object }) => ({ tenant, retention }),
  account: ({ id }: { id: string }) => ({ id }),
  subscription: ({ id }: { id: string }) => ({ id }),
  consumer: ({ name }: { name: string }) => ({ name }),
  key: ({ id }: { id: string }) => ({ id }),
  record: (account: string, { resource, recordId }: { resource: string; recordId: string }) => ({
    account,
    resource,
    recordId,
  }),
  sync: async ({ id }: { id: string }, { sync }: { sync: string }) => ({ account: id, sync }),
  syncRun: ({ account, sync, run }: { account: string; sync: string; run: { id: string } }) => ({
    account,
    sync,
    run: run.id,
  }),
  delivery: ({ event, subscription }: { event: string; subscription: string }) => ({ event, subscription }),
};

async function readAll(
  engine: FakeEngine,
  tenant: string,
  limit: number,
): Promise<readonly (readonly ExportEntry[])[]> {
  const pages: (readonly ExportEntry[])[] = [];
  let after: string | undefined;
  do {
    const page = await exportTenant(engine.exportPorts, views, tenant, { limit, after });
    if (page.kind !== 'page') throw new Error(page.kind);
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    pages.push(page.entries);
    after = page.next;
    if (pages.length > 500) throw new Error('it never ends');
  } while (after !== undefined);
  return pages;
}

async function prepare(): Promise<FakeEngine> {
  const engine = createFakeEngine(staff, new Map(), keysOf('acme', 'acme2'));
  await updateTenant(engine.adminPorts, 'acme', { eventsDays: 7 });
  for (const tenant of ['acme', 'acme2']) await furnishTenant(engine, tenant);
  return engine;
}

describe('an export', () => {
  test('holds all stored data of a tenant, in a fixed order, and no data of others (invariant 3)', async () => {
    const engine = await prepare();
    const entries = (await readAll(engine, 'acme', 500)).flat();
    expect(entries.filter(({ kind }) => kind !== 'delivery' && kind !== 'event')).toEqual([
      { kind: 'tenant', value: { tenant: 'acme', retention: { eventsDays: 7 } } },
      { kind: 'account', value: { id: 'acc_acme' } },
      { kind: 'subscription', value: { id: 'sub_acme' } },
      ...['one', 'three', 'two'].map((name) => ({ kind: 'consumer', value: { name } })),
      { kind: 'key', value: { id: 'key_acme' } },
      ...['1', '2', '3'].map((recordId) => ({
        kind: 'record',
        value: { account: 'acc_acme', resource: 'hris/employees', recordId },
      })),
      { kind: 'sync', value: { account: 'acc_acme', sync: 'contacts' } },
      { kind: 'sync_run', value: { account: 'acc_acme', sync: 'contacts', run: 'run_1' } },
    ]);
    const deliveries = entries.filter(({ kind }) => kind === 'delivery');
    expect(deliveries.map(({ value }) => value)).toEqual(
      [5, 4, 3, 2, 1].map((n) => ({ event: `evt_acme_${n}`, subscription: 'sub_acme' })),
    );
    const events = entries.filter(({ kind }) => kind === 'event').map(({ value }) => value);
    expect(events).toMatchObject([1, 2, 3, 4, 5].map((n) => ({ id: `evt_acme_${n}`, sequence: n, tenant: 'acme' })));
    // Includes data stored by claim check.
    expect(events[1]).toMatchObject({ data: { id: '2', text: 'x'.repeat(10_000) } });
    expect(JSON.stringify(entries)).not.toContain('acme2');
  });

  test('goes on after a record whose id is long and odd', async () => {
    const engine = await prepare();
    const record = { account: 'acc_acme', resource: 'hris/employees', recordId: '\n'.repeat(400) };
    const { createdAt } = (await engine.accounts.find('acc_acme')) ?? { createdAt: '' };
    const key = { ...record, tenant: 'acme', incarnation: createdAt };
    expect(await engine.records.write(key, { state: undefined, lastN: 0 }, aRecordState())).toBe(true);
    const records = (await readAll(engine, 'acme', 1)).flat().filter(({ kind }) => kind === 'record');
    expect(records.map(({ value }) => value)).toContainEqual(record);
    expect(records).toHaveLength(4);
  });

  test.each(['acc_acme garbage', 'acc_acme null', 'acc_acme {"shard":-1}', 'acc_acme 16', 'acc_acme 3garbage'])(
    'refuses the position %j in the records',
    async (place) => {
      const engine = await prepare();
      const after = JSON.stringify(['records', place]);
      expect(await exportTenant(engine.exportPorts, views, 'acme', { limit: 5, after })).toEqual({
        kind: 'invalid-position',
      });
    },
  );

  test.each([1, 2, 3, 7])('is the same in pages of %d', async (limit) => {
    const engine = await prepare();
    const whole = (await readAll(engine, 'acme', 500)).flat();
    expect((await readAll(engine, 'acme', limit)).flat()).toEqual(whole);
  });

  test('shows only what the views show, and no secret (invariant 10)', async () => {
    const engine = await prepare();
    const text = JSON.stringify(await readAll(engine, 'acme', 500));
    expect(text).not.toMatch(/whsec_|a secret of acme/);
  });

  test('has pages that fit one answer', async () => {
    const engine = createFakeEngine();
    await publishEvents(
      engine.publishPorts,
      Array.from({ length: 6 }, (_, n) => ({
        owner: 'raw_1',
        event: anEvent({ id: `evt_${n}`, data: { text: 'x'.repeat(1_000_000) } }),
      })),
    );
    const pages = await readAll(engine, 'acme', 500);
    for (const page of pages) expect(2 * JSON.stringify(page).length).toBeLessThan(6_000_000);
    expect(pages.flat().filter(({ kind }) => kind === 'event')).toHaveLength(6);
  });

  test('reveals no data of another tenant when a position names its subscription (M2, invariant 3)', async () => {
    const engine = await prepare();
    for (const other of ['sub_acme2', 'sub_removed_acme2', 'sub_everyone', 'sub_removed_acme']) {
      const keys = JSON.stringify((await engine.deliveries.list(other, 500, undefined)).items);
      expect(keys).toContain('evt_');
      for (let after: string | undefined = JSON.stringify(['deliveries', `${other} `]); after !== undefined; ) {
        const page = await exportTenant(engine.exportPorts, views, 'acme', { limit: 1, after });
        if (page.kind !== 'page') throw new Error(page.kind);
        expect(JSON.stringify(page)).not.toMatch(/evt_acme2|(acme2|everyone) [^"]/);
        after = page.next;
      }
    }
  });

  test('continues past an event whose data is gone, and shows null data', async () => {
    const engine = await prepare();
    await engine.payloads.eraser.remove('acme/', [{ kind: 'objects', key: 'acme/evt_acme_2' }]);
    const events = (await readAll(engine, 'acme', 500)).flat().filter(({ kind }) => kind === 'event');
    expect(events).toHaveLength(5);
    expect(events[1]?.value).toMatchObject({ id: 'evt_acme_2', data: null });
  });

  test('of an unknown tenant is just its name', async () => {
    expect((await readAll(createFakeEngine(), 'nobody', 10)).flat()).toEqual([
      { kind: 'tenant', value: { tenant: 'nobody', retention: {} } },
    ]);
  });

  test.each(['', 'x', '["events"]', '["none",null]'])('fails when its position is "%s"', async (after) => {
    const page = await exportTenant(createFakeEngine().exportPorts, views, 'acme', { limit: 10, after });
    expect(page).toEqual({ kind: 'invalid-position' });
  });
});
