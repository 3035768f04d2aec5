import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Ask, admitCalls, agingMs } from '../../../../lambdas/engine/provider/budget/admit-calls.ts';
import {
  type AppliedLimit,
  type BudgetState,
  newBudget,
  type Priority,
} from '../../../../lambdas/engine/provider/budget/budget-state.ts';
import { settleCall } from '../../../../lambdas/engine/provider/budget/settle-call.ts';
import type { LimitSpec } from '../../../../lambdas/engine/provider/language/limits-schema.ts';
import { propertyRuns } from '../../../property-runs.ts';

const limit = (spec: Partial<LimitSpec>, change: Partial<AppliedLimit> = {}): AppliedLimit => ({
  spec: { name: 'minute', window: 'sliding', scope: 'account', ...spec },
  share: 1,
  reserve: 0,
  ...change,
});
const perMinute = (calls: number, change: Partial<AppliedLimit> = {}) => limit({ calls, per: '1m' }, change);

let counter = 0;
function ask(state: BudgetState, limits: readonly AppliedLimit[], change: Partial<Ask> & { count?: number } = {}) {
  const { count = 1, ...rest } = change;
  const ids = Array.from({ length: count }, () => `call-${(counter += 1)}`);
  return admitCalls(state, {
    ids,
    priority: 'webhook',
    names: [],
    cost: 1,
    limits,
    nowMs: 0,
    leaseMs: 60_000,
    ...rest,
  });
}

const end = (state: BudgetState, limits: readonly AppliedLimit[], id: string, endedAtMs: number) =>
  settleCall(state, limits, { id, wasSent: true, endedAtMs, observed: [] });

describe('a limit of calls in a time', () => {
  test('grants its calls, and more when the first have left the window', () => {
    const limits = [perMinute(3)];
    const asked = ask(newBudget, limits, { count: 5 });
    const { granted } = asked;
    let { next } = asked;
    expect(granted).toHaveLength(3);
    for (const id of granted) next = end(next, limits, id, 1_000);
    const later = ask(next, limits, { nowMs: 2_000 });
    expect(later).toMatchObject({ granted: [], stoppedBy: 'minute' });
    expect(later.askAgainAtMs).toBeGreaterThan(61_000);
    expect(ask(next, limits, { count: 5, nowMs: later.askAgainAtMs as number }).granted).toHaveLength(3);
  });

  test('counts a call whose caller died until its lease and the window are over', () => {
    const limits = [perMinute(1)];
    const { next } = ask(newBudget, limits);
    expect(ask(next, limits, { nowMs: 60_001 }).granted).toEqual([]);
    expect(ask(next, limits, { nowMs: 122_000 }).granted).toHaveLength(1);
  });

  test('counts such a call although another one, which the limit does not count, is asked for first', () => {
    const exports = [limit({ name: 'exports', calls: 1, per: '1h' })];
    const { next } = ask(newBudget, [...exports, perMinute(10)]);
    const read = ask(next, [perMinute(10)], { nowMs: 61_000 });
    expect(read.granted).toHaveLength(1);
    const settled = end(read.next, [perMinute(10)], read.granted[0] as string, 62_000);
    expect(ask(settled, exports, { nowMs: 63_000 }).granted).toEqual([]);
    const monthly = [limit({ name: 'exports', calls: 1, per: '30d' })];
    const twoDaysMs = 2 * 86_400_000;
    const idle = ask(settled, [perMinute(10)], { nowMs: twoDaysMs }).next;
    expect(ask(idle, monthly, { nowMs: twoDaysMs + 1 }).granted).toEqual([]);
    expect(ask(settled, exports, { nowMs: 3_800_000 }).granted).toHaveLength(1);
    // Its share of the minute was counted once.
    expect(ask(settled, [perMinute(3)], { count: 3, nowMs: 63_000 }).granted).toHaveLength(1);
  });

  test('a call that was never sent costs nothing', () => {
    const limits = [perMinute(1)];
    const { next, granted } = ask(newBudget, limits);
    const back = settleCall(next, limits, { id: granted[0] as string, wasSent: false, endedAtMs: 5, observed: [] });
    expect(ask(back, limits, { nowMs: 5 }).granted).toHaveLength(1);
  });

  test("takes the account's share", () => {
    expect(ask(newBudget, [perMinute(10, { share: 0.5 })], { count: 20 }).granted).toHaveLength(5);
  });

  test('keeps the reserve for webhooks', () => {
    const limits = [perMinute(10, { reserve: 0.2 })];
    const polls = ask(newBudget, limits, { count: 20, priority: 'poll' });
    expect(polls.granted).toHaveLength(8);
    expect(ask(polls.next, limits, { count: 20, priority: 'webhook' }).granted).toHaveLength(2);
  });

  test('what the answer says wins: the remaining calls, the maximum and the reset', () => {
    const limits = [limit({ calls: 100, per: '1m', window: 'fixed', remaining: 'x' })];
    const { next, granted } = ask(newBudget, limits);
    const told = settleCall(next, limits, {
      id: granted[0] as string,
      wasSent: true,
      endedAtMs: 100,
      observed: [{ name: 'minute', remaining: 2, maximum: 50, resetAtMs: 30_000 }],
    });
    const now = ask(told, limits, { count: 10, nowMs: 200 });
    expect(now.granted).toHaveLength(2);
    expect(now.askAgainAtMs).toBeLessThanOrEqual(30_000);
    expect(ask(told, limits, { count: 80, nowMs: 30_001 }).granted).toHaveLength(50);
  });

  test('a day ends at midnight of its zone', () => {
    const limits = [limit({ calls: 2, per: '1d', window: 'fixed', resets: 'America/New_York' })];
    const noon = Date.UTC(2026, 10, 29, 17);
    const asked = ask(newBudget, limits, { count: 2, nowMs: noon });
    const { granted } = asked;
    let { next } = asked;
    for (const id of granted) next = end(next, limits, id, noon + 10);
    const refused = ask(next, limits, { nowMs: noon + 1_000 });
    expect(refused.granted).toEqual([]);
    expect(refused.askAgainAtMs).toBe(Date.UTC(2026, 10, 30, 5));
    expect(ask(next, limits, { count: 2, nowMs: Date.UTC(2026, 10, 30, 5) }).granted).toHaveLength(2);
  });
});

describe('a bucket', () => {
  const limits = [limit({ name: 'points', bucket: 100, restore: 10 })];

  test('holds back what calls cost, and takes what they did cost', () => {
    const { next, granted } = ask(newBudget, limits, { count: 3, cost: 40 });
    expect(granted).toHaveLength(2);
    const [first = '', second = ''] = granted;
    const charged = settleCall(next, limits, {
      id: first,
      wasSent: true,
      endedAtMs: 0,
      observed: [{ name: 'points', charged: 10 }],
    });
    const one = end(charged, limits, second, 0);
    expect(ask(one, limits, { cost: 50 }).granted).toHaveLength(1);
    expect(ask(one, limits, { cost: 60 })).toMatchObject({ granted: [], askAgainAtMs: 1_000 });
    expect(ask(one, limits, { cost: 60, nowMs: 1_000 }).granted).toHaveLength(1);
  });
});

describe('blocks', () => {
  test('stop everyone until the time that the provider named, and only those that they name', () => {
    const limits = [perMinute(10)];
    const { next, granted } = ask(newBudget, limits);
    const blocked = settleCall(next, limits, {
      id: granted[0] as string,
      wasSent: true,
      endedAtMs: 0,
      observed: [],
      slowDown: { name: '*', notBeforeMs: 5_000 },
    });
    const both = settleCall(blocked, limits, {
      id: 'another',
      wasSent: true,
      endedAtMs: 0,
      observed: [],
      slowDown: { name: 'crm/contacts', notBeforeMs: 9_000 },
    });
    expect(ask(both, limits, { nowMs: 4_999 })).toMatchObject({ granted: [], askAgainAtMs: 5_000, stoppedBy: '*' });
    expect(ask(both, limits, { nowMs: 5_000 }).granted).toHaveLength(1);
    expect(ask(both, limits, { nowMs: 5_000, names: ['crm/contacts'] }).granted).toEqual([]);
  });

  test('last longer each time where the provider does not say how long, and anew after a success', () => {
    const limits = [perMinute(100)];
    const slow = (state: BudgetState, endedAtMs: number) =>
      settleCall(state, limits, {
        id: '',
        wasSent: true,
        endedAtMs,
        observed: [],
        slowDown: { name: '*', notBeforeMs: undefined },
      });
    const first = slow(newBudget, 0);
    expect(first.blocks).toEqual({ '*': 1_000 });
    const second = slow(first, 1_000);
    expect(second.blocks).toEqual({ '*': 3_000 });
    expect(slow(end(second, limits, '', 3_000), 3_000).blocks).toEqual({ '*': 4_000 });
  });
});

describe('priorities', () => {
  const wait = (state: BudgetState, limits: readonly AppliedLimit[], priority: Priority, nowMs: number) =>
    ask(state, limits, { priority, nowMs });

  test('the less urgent leave room for those that wait', () => {
    const limits = [perMinute(1)];
    const asked = ask(newBudget, limits);
    const { granted } = asked;
    let { next } = asked;
    next = wait(next, limits, 'webhook', 1).next;
    next = end(next, limits, granted[0] as string, 2);
    const free = 62_100;
    next = wait(next, limits, 'webhook', free - 2_000).next;
    expect(wait(next, limits, 'poll', free).granted).toEqual([]);
    expect(wait(next, limits, 'webhook', free).granted).toHaveLength(1);
  });

  test('one that has waited long has the rank of the more urgent', () => {
    const limits = [perMinute(1)];
    const first = ask(newBudget, limits);
    let next = end(first.next, limits, first.granted[0] as string, 0);
    for (let at = 1; at <= 2 * agingMs + 1; at += 1_000) next = wait(next, limits, 'backfill', at).next;
    next = wait(next, limits, 'read', 2 * agingMs + 1).next;
    expect(wait(next, limits, 'backfill', 62_100).granted).toHaveLength(1);
  });
});

/** A provider that counts the calls that reach it, and never allows more. */
interface Provider {
  readonly calls: number;
  readonly windowMs: number;
  readonly concurrent: number;
  readonly isFixed: boolean;
}

test('no provider ever sees more than it allows, whatever workers ask, and however calls go (invariant 7)', () => {
  fc.assert(
    fc.property(
      fc.record({
        calls: fc.integer({ min: 1, max: 12 }),
        windowMs: fc.constantFrom(1_000, 10_000, 60_000),
        concurrent: fc.integer({ min: 1, max: 6 }),
        isFixed: fc.boolean(),
      }),
      fc.array(
        fc.record({
          afterMs: fc.integer({ min: 0, max: 3_000 }),
          count: fc.integer({ min: 1, max: 5 }),
          priority: fc.constantFrom<Priority>('webhook', 'read', 'poll', 'backfill'),
          /** From the grant to its arrival, and from there to its end. */
          reachMs: fc.integer({ min: 0, max: 2_000 }),
          lastMs: fc.integer({ min: 0, max: 4_000 }),
          dies: fc.boolean(),
        }),
        { minLength: 1, maxLength: 60 },
      ),
      (provider: Provider, asks) => {
        const limits = [
          limit({ calls: provider.calls, per: `${provider.windowMs / 1000}s` }, { reserve: 0.2 }),
          limit({ name: 'at_once', concurrent: provider.concurrent }),
        ];
        let state = newBudget;
        let nowMs = 0;
        const arrivals: { atMs: number; endMs: number }[] = [];
        const ends: { id: string; atMs: number }[] = [];
        for (const { afterMs, count, priority, reachMs, lastMs, dies } of asks) {
          nowMs += afterMs;
          ends.sort((a, b) => a.atMs - b.atMs);
          while (ends[0] !== undefined && ends[0].atMs <= nowMs) {
            const { id, atMs } = ends.shift() as { id: string; atMs: number };
            state = end(state, limits, id, atMs);
          }
          const { granted, next } = ask(state, limits, { count, priority, nowMs, leaseMs: 6_000 });
          state = next;
          for (const id of granted) {
            arrivals.push({ atMs: nowMs + reachMs, endMs: nowMs + reachMs + lastMs });
            if (!dies) ends.push({ id, atMs: nowMs + reachMs + lastMs });
          }
        }
        for (const { atMs } of arrivals) {
          const from = provider.isFixed ? Math.floor(atMs / provider.windowMs) * provider.windowMs : atMs;
          const inWindow = arrivals.filter((one) => one.atMs >= from && one.atMs < from + provider.windowMs);
          expect(inWindow.length).toBeLessThanOrEqual(provider.calls);
          const atOnce = arrivals.filter((one) => one.atMs <= atMs && one.endMs > atMs);
          expect(atOnce.length).toBeLessThanOrEqual(provider.concurrent);
        }
      },
    ),
    propertyRuns(200, 2_000),
  );
});
