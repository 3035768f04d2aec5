import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { admitCalls } from '../../../../../lambdas/engine/provider/budget/admit-calls.ts';
import {
  type AppliedLimit,
  type BudgetState,
  newBudget,
} from '../../../../../lambdas/engine/provider/budget/budget-state.ts';
import { settleCall } from '../../../../../lambdas/engine/provider/budget/settle-call.ts';
import { limits as limitsSchema } from '../../../../../lambdas/engine/provider/language/limits-schema.ts';
import {
  textOfPattern,
  tooManyRequests,
  writeLimits,
} from '../../../../../lib/local/simulators/provider/limits/limit-answers.ts';
import { createLimitMeter, type Metered } from '../../../../../lib/local/simulators/provider/limits/limit-meter.ts';
import { propertyRuns } from '../../../../property-runs.ts';
import { simulatedDesk } from './simulated-desk.ts';

const startMs = Date.parse('2026-11-21T12:00:10.000Z');
const call = { resource: 'ticketing/tickets', call: 'ticketing/tickets.get', cost: 1, owner: 'acme' };

function meterOf(limits: readonly object[], overrides: Readonly<Record<string, number>> = {}) {
  const { api } = simulatedDesk;
  if (api === undefined) throw new TypeError('desk has no api');
  return createLimitMeter({ ...api, limits: limitsSchema.parse(limits) }, overrides);
}

/** Whether each of the calls at these times is admitted; seconds after the start. */
function admitted(limit: object, seconds: readonly number[], cost = 1): readonly boolean[] {
  const meter = meterOf([{ name: 'one', ...limit }]);
  return seconds.map((second) => meter.take({ ...call, cost }, startMs + second * 1000).kind === 'admitted');
}

describe('a limit', () => {
  test('of a sliding window counts the calls of the last minute', () => {
    expect(admitted({ calls: 2, per: '1m' }, [0, 30, 59, 60, 61, 90])).toEqual([true, true, false, true, false, true]);
  });

  test('of a fixed window starts anew at the minute', () => {
    expect(admitted({ calls: 2, per: '1m', window: 'fixed' }, [0, 40, 49, 50, 51, 52])).toEqual([
      true,
      true,
      false,
      true,
      true,
      false,
    ]);
  });

  test('of a day starts anew at midnight of its zone', () => {
    const hours = [0, 11, 11.5, 12.5].map((hour) => hour * 3600);
    expect(admitted({ calls: 1, per: '1d', resets: 'Europe/Berlin' }, hours)).toEqual([true, true, false, false]);
    expect(admitted({ calls: 1, per: '1d', resets: 'UTC' }, hours)).toEqual([true, false, false, true]);
  });

  test('of a bucket fills with time, and takes the cost of a call', () => {
    expect(admitted({ bucket: 10, restore: 1 }, [0, 0, 0, 4, 6, 6], 5)).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
    ]);
  });

  test('of a bucket counts parts of a call that add up to a whole one', () => {
    // In floating point, 3.9 - 3 + 0.1 is less than 1.
    expect(admitted({ bucket: 5, restore: 2 }, [0, 0, 0.45, 0.45, 0.45, 0.5])).not.toContain(false);
  });

  test('of calls at the same time frees a place when a call ends', () => {
    const meter = meterOf([{ name: 'at_once', concurrent: 1 }]);
    const first = meter.take(call, startMs);
    expect(meter.take(call, startMs)).toMatchObject({ kind: 'refused', limit: 'at_once' });
    if (first.kind === 'admitted') first.end();
    expect(meter.take(call, startMs).kind).toBe('admitted');
  });

  test('counts only its calls, each account alone, and an app as a whole', () => {
    const meter = meterOf([
      { name: 'lists', calls: 1, per: '1m', of: ['ticketing/tickets.list'] },
      { name: 'own', calls: 2, per: '1m' },
      { name: 'app', calls: 3, per: '1m', scope: 'app' },
    ]);
    const owners = ['acme', 'acme', 'acme', 'globex', 'globex'];
    const taken = owners.map((owner) => meter.take({ ...call, owner }, startMs));
    expect(taken.map((one) => (one.kind === 'refused' ? one.limit : one.kind))).toEqual([
      'admitted',
      'admitted',
      'own',
      'admitted',
      'app',
    ]);
  });

  test('may have another number than the declared one', () => {
    const meter = meterOf([{ name: 'own', calls: 100, per: '1m' }], { own: 1 });
    expect([meter.take(call, startMs).kind, meter.take(call, startMs).kind]).toEqual(['admitted', 'refused']);
  });
});

describe('an answer', () => {
  const answer = { status: 200, headers: {}, body: { data: 1 } };
  const told = (limit: object) => {
    const metered = meterOf([{ name: 'one', ...limit }]).take({ ...call, cost: 5 }, startMs);
    return writeLimits(answer, metered.states(), startMs);
  };

  test.each([
    [
      { calls: 20, per: '1m', remaining: '{header.x-left}', reset: { from: '{header.x-reset}', as: 'epoch_s' } },
      { headers: { 'x-left': '15', 'x-reset': String(startMs / 1000 + 60) } },
    ],
    [
      { calls: 20, per: '1m', window: 'fixed', reset: { from: 'meta.reset', as: 'iso' } },
      { body: { data: 1, meta: { reset: '2026-11-21T12:01:00.000Z' } } },
    ],
    [
      { bucket: 20, restore: 1, remaining: 'cost.left', maximum: 'cost.most', charged: 'cost.taken' },
      { body: { data: 1, cost: { left: 15, most: 20, taken: 5 } } },
    ],
    [
      { calls: 20, per: '1m', used: '{header.x-info}', pattern: 'api-usage=(?<used>\\d+)/(?<maximum>\\d+)' },
      { headers: { 'x-info': 'api-usage=5/20' } },
    ],
    [
      { calls: 20, per: '1m', remaining: '$header("x-of") = "core" ? $header("x-left")' },
      { headers: { 'x-of': 'core', 'x-left': '15' } },
    ],
  ])('tells %j where the definition reads it', (limit, expected) => {
    expect(told(limit)).toMatchObject(expected);
  });

  test('says nothing where an odd pattern reads it', () => {
    expect(textOfPattern('^(?:left|rest)=(?<remaining>\\d+)', { remaining: 1 })).toBeUndefined();
    expect(textOfPattern('total=(?<maximum>\\d+);\\s*remaining=(?<remaining>\\d+)', { maximum: 9, remaining: 1 })).toBe(
      'total=9; remaining=1',
    );
  });

  test('beyond a limit says when to come back', () => {
    expect(tooManyRequests('one', startMs + 1_200, startMs, undefined)).toMatchObject({
      status: 429,
      headers: { 'retry-after': '2' },
    });
  });
});

/** Kinds of limits, as answers tell them. */
const someLimit = fc.oneof(
  fc.record({ calls: fc.integer({ min: 1, max: 20 }), per: fc.constantFrom('1s', '10s', '1m') }),
  fc.record({ concurrent: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ bucket: fc.integer({ min: 5, max: 40 }), restore: fc.integer({ min: 1, max: 10 }) }),
);
const someSteps = fc.array(
  fc.record({
    calls: fc.integer({ min: 0, max: 8 }),
    waitMs: fc.constantFrom(0, 1, 50, 400, 1_000, 7_000),
    /** How long each of the calls takes. */
    tookMs: fc.constantFrom(0, 10, 300, 2_000),
  }),
  { minLength: 1, maxLength: 40 },
);

describe("the engine's own budget", () => {
  test('never asks for a call that the provider refuses', () => {
    fc.assert(
      fc.property(fc.array(someLimit, { minLength: 1, maxLength: 3 }), someSteps, (written, steps) => {
        const specs = limitsSchema.parse(written.map((limit, index) => ({ name: `limit_${index}`, ...limit })));
        const applied: readonly AppliedLimit[] = specs.map((spec) => ({ spec, share: 1, reserve: 0.1 }));
        const meter = meterOf(specs);
        let budget: BudgetState = newBudget;
        let nowMs = startMs;
        let ids = 0;
        const flying: { readonly id: string; readonly endsAtMs: number; readonly metered: Metered }[] = [];
        const land = (untilMs: number) => {
          for (const flight of flying.splice(0).sort((a, b) => a.endsAtMs - b.endsAtMs)) {
            if (flight.endsAtMs > untilMs) {
              flying.push(flight);
              continue;
            }
            if (flight.metered.kind === 'admitted') flight.metered.end();
            const ended = { id: flight.id, wasSent: true, endedAtMs: flight.endsAtMs, observed: [] };
            budget = settleCall(budget, applied, ended);
          }
        };
        for (const { calls, waitMs, tookMs } of steps) {
          nowMs += waitMs;
          land(nowMs);
          const asked = Array.from({ length: calls }, () => `call-${ids++}`);
          const names = [call.resource, call.call];
          const ask = {
            ids: asked,
            priority: 'webhook' as const,
            names,
            cost: 1,
            limits: applied,
            nowMs,
            leaseMs: 60_000,
          };
          const admission = admitCalls(budget, ask);
          budget = admission.next;
          for (const id of admission.granted) {
            const metered = meter.take(call, nowMs);
            expect(metered.kind === 'refused' ? metered.limit : 'admitted').toBe('admitted');
            flying.push({ id, endsAtMs: nowMs + tookMs, metered });
          }
        }
      }),
      propertyRuns(100, 2_000),
    );
  });
});
