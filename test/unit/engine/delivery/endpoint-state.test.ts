import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { admit, endsEarly, isFast, slotsAfter } from '../../../../lambdas/engine/delivery/admission.ts';
import {
  callDrainer,
  claimDrain,
  delayedMessageMs,
  finishDrain,
  leaveDrain,
  messageFor,
  woken,
} from '../../../../lambdas/engine/delivery/drainer.ts';
import {
  dueAtMs,
  type EndpointState,
  newEndpoint,
  defaultEndpointPolicy as policy,
} from '../../../../lambdas/engine/delivery/endpoint-state.ts';
import { type Pace, type PostResult, paceAfter } from '../../../../lambdas/engine/delivery/pace.ts';
import { notice, settle } from '../../../../lambdas/engine/delivery/settlement.ts';

const startMs = Date.parse('2026-11-21T12:00:00.000Z');
const limits = { concurrency: 10, ratePerSecond: undefined };
const ok: PostResult = { ok: true, status: 200, durationMs: 20 };
const broken: PostResult = { ok: false, status: 500, durationMs: 20 };
const endpoint = (change: Partial<EndpointState> = {}): EndpointState => ({
  ...newEndpoint('acme', 'sub_1'),
  ...change,
});

/** Take a lease, make posts with these results, and return the lease. */
function post(state: EndpointState, results: readonly PostResult[], nowMs = startMs, of = limits) {
  const admission = admit(state, of, results.length, { id: 'one', durationMs: 60_000 }, nowMs);
  if (admission.kind !== 'admitted') throw new Error(`blocked by ${admission.by}`);
  const made = results.slice(0, admission.posts);
  const lease = { id: 'one', isProbe: admission.isProbe, postsNotMade: admission.posts - made.length };
  return { admission, ...settle(admission.state, lease, made, of, policy, nowMs) };
}
const repeat = (result: PostResult, times: number) => Array.from({ length: times }, () => result);
const opened = (nowMs = startMs) => post(endpoint(), repeat(broken, 10), nowMs).state;

describe('admission', () => {
  test('shares the concurrency of the endpoint among all leases', () => {
    const first = admit(endpoint(), limits, 7, { id: 'a', durationMs: 1_000 }, startMs);
    expect(first).toMatchObject({ kind: 'admitted', slots: 7, posts: 7, isProbe: false });
    if (first.kind !== 'admitted') return;
    const second = admit(first.state, limits, 20, { id: 'b', durationMs: 1_000 }, startMs);
    expect(second).toMatchObject({ kind: 'admitted', slots: 3, posts: 20 });
    if (second.kind !== 'admitted') return;
    expect(admit(second.state, limits, 1, { id: 'c', durationMs: 1_000 }, startMs)).toEqual({
      kind: 'blocked',
      by: 'concurrency',
      untilMs: startMs + 1_000,
    });
  });

  test('does not count its own lease when a lost answer makes the client repeat the write', () => {
    const alone = { concurrency: 1, ratePerSecond: undefined };
    const lease = { id: 'mine', durationMs: 60_000 };
    const first = admit(endpoint(), alone, 5, lease, startMs);
    if (first.kind !== 'admitted') throw new Error('not admitted');
    expect(admit(first.state, alone, 5, lease, startMs + 10)).toMatchObject({ kind: 'admitted', slots: 1, posts: 5 });
  });

  test('ignores a lease that expired without being returned', () => {
    const taken = admit(endpoint(), limits, 10, { id: 'dead', durationMs: 1_000 }, startMs);
    if (taken.kind !== 'admitted') throw new Error('not admitted');
    expect(admit(taken.state, limits, 10, { id: 'b', durationMs: 1_000 }, startMs + 1_001)).toMatchObject({
      slots: 10,
    });
  });

  test('never exceeds the rate, for any order of calls (property)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.record({ wanted: fc.integer({ min: 1, max: 30 }), afterMs: fc.integer({ min: 0, max: 1_500 }) }), {
          maxLength: 30,
        }),
        (ratePerSecond, calls) => {
          const of = { concurrency: 1_000, ratePerSecond };
          let state = endpoint();
          let nowMs = startMs;
          let sent = 0;
          for (const [index, { wanted, afterMs }] of calls.entries()) {
            nowMs += afterMs;
            const admission = admit(state, of, wanted, { id: String(index), durationMs: 1 }, nowMs);
            if (admission.kind === 'admitted') {
              state = admission.state;
              sent += admission.posts;
            }
            expect(['admitted', 'rate']).toContain(admission.kind === 'blocked' ? admission.by : admission.kind);
            const seconds = (nowMs - startMs) / 1000;
            expect(sent).toBeLessThanOrEqual(Math.ceil(ratePerSecond + ratePerSecond * seconds));
          }
        },
      ),
    );
  });

  test('returns the tokens of posts that were not made', () => {
    const of = { concurrency: 10, ratePerSecond: 5 };
    const admission = admit(endpoint(), of, 5, { id: 'a', durationMs: 1_000 }, startMs);
    if (admission.kind !== 'admitted') throw new Error('not admitted');
    const { state } = settle(
      admission.state,
      { id: 'a', isProbe: false, postsNotMade: 3 },
      [ok, ok],
      of,
      policy,
      startMs,
    );
    expect(admit(state, of, 9, { id: 'b', durationMs: 1_000 }, startMs)).toMatchObject({ posts: 3 });
  });
});

describe('the circuit', () => {
  test('opens when at least half of at least ten posts fail, and not before', () => {
    expect(post(endpoint(), [...repeat(broken, 9)]).state.circuit).toBe('closed');
    const half = post(endpoint(), [...repeat(ok, 5), ...repeat(broken, 5)]);
    expect(half.state.circuit).toBe('open');
    expect(half.effects).toMatchObject([{ kind: 'circuit-opened', probeAtMs: startMs + 10_000 }]);
    expect(post(endpoint(), [...repeat(ok, 6), ...repeat(broken, 4)]).state.circuit).toBe('closed');
  });

  test('forgets results from two windows ago', () => {
    const before = post(endpoint(), repeat(broken, 9)).state;
    expect(post(before, [broken], startMs + 2 * policy.windowMs).state.circuit).toBe('closed');
    expect(post(before, [broken], startMs + policy.windowMs).state.circuit).toBe('open');
  });

  test('admits one probe after the cool-down, and nothing else meanwhile', () => {
    const open = opened();
    expect(admit(open, limits, 5, { id: 'a', durationMs: 1 }, startMs + 9_999)).toMatchObject({ by: 'circuit' });
    const probe = admit(open, limits, 5, { id: 'a', durationMs: 50_000 }, startMs + 10_000);
    expect(probe).toMatchObject({ kind: 'admitted', slots: 1, posts: 1, isProbe: true });
    if (probe.kind !== 'admitted') return;
    expect(admit(probe.state, limits, 5, { id: 'b', durationMs: 1 }, startMs + 10_001)).toMatchObject({
      by: 'circuit',
    });
  });

  test('stays open longer after each failed probe, up to a quarter of an hour', () => {
    let state = opened();
    const waits: number[] = [];
    let nowMs = startMs;
    for (let probe = 0; probe < 6; probe += 1) {
      waits.push(state.probeAtMs - nowMs);
      nowMs = state.probeAtMs;
      state = post(state, [broken], nowMs).state;
    }
    expect(waits).toEqual([10_000, 30_000, 60_000, 300_000, 900_000, 900_000]);
  });

  test('closes when a probe succeeds, and doubles the concurrency round by round', () => {
    const { state, effects } = post(opened(), [ok], startMs + 10_000);
    expect(state).toMatchObject({ circuit: 'closed', openings: 0, failingSinceMs: undefined });
    expect(effects).toMatchObject([{ kind: 'recovered', failingSinceMs: startMs }]);
    const slots: number[] = [];
    let current = state;
    for (let round = 0; round < 6; round += 1) {
      const next = post(current, repeat(ok, 10), startMs + 11_000 + round);
      slots.push(next.admission.slots);
      current = next.state;
    }
    expect(slots).toEqual([1, 2, 4, 8, 10, 10]);
  });

  test('ignores failures of posts that were in progress when it opened', () => {
    const open = opened();
    const late = { id: 'late', isProbe: false, postsNotMade: 0 };
    expect(settle(open, late, repeat(broken, 10), limits, policy, startMs + 5).state).toMatchObject({
      openings: 1,
      probeAtMs: open.probeAtMs,
    });
  });
});

const refusals = [429, 502, 503, 504] as const;
const refusing = (status: number, retryAfterMs?: number): PostResult => ({
  ok: false,
  status,
  durationMs: 5,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

describe('an endpoint that asks for a pause', () => {
  test.each(refusals)('with %i gets the pause, and half the concurrency afterwards', (status) => {
    const { state } = post(endpoint(), repeat(refusing(status, 90_000), 10));
    expect(state).toMatchObject({ circuit: 'closed', pausedUntilMs: startMs + 90_000 });
    expect(admit(state, limits, 5, { id: 'a', durationMs: 1 }, startMs + 89_999)).toEqual({
      kind: 'blocked',
      by: 'pause',
      untilMs: startMs + 90_000,
    });
    const once = post(endpoint(), [...repeat(ok, 3), refusing(status, 90_000)]).state;
    expect(admit(once, limits, 9, { id: 'a', durationMs: 1 }, startMs + 90_000)).toMatchObject({ slots: 5 });
  });

  test('gets no cool-down as well, unless it asks for less than a second', () => {
    const circuitAfter = (retryAfterMs: number) => {
      let state = endpoint();
      for (let atMs = startMs; atMs < startMs + 40_000; atMs += 2_000)
        if (state.circuit === 'closed') state = post(state, [refusing(503, retryAfterMs)], atMs).state;
      return state.circuit;
    };
    expect(circuitAfter(1_000)).toBe('closed');
    expect(circuitAfter(10)).toBe('open');
  });

  test('ends a lease at once, unlike a refusal without a pause', () => {
    expect(endsEarly([ok, refusing(503, 1_000)])).toBe(true);
    expect(endsEarly([ok, refusing(503), refusing(429), refusing(502), refusing(504)])).toBe(false);
    expect(endsEarly(repeat(refusing(503), 10))).toBe(true);
  });

  test('is paused exactly as long as it asks, for any results (property)', () => {
    fc.assert(
      fc.property(fc.array(anyResult, { minLength: 1, maxLength: 9 }), (results) => {
        const asked = Math.max(0, ...results.map(({ retryAfterMs }) => retryAfterMs ?? 0));
        const { pausedUntilMs } = post(endpoint(), results).state;
        expect(pausedUntilMs).toBe(asked === 0 ? 0 : startMs + asked);
      }),
    );
  });
});

const anyResult: fc.Arbitrary<PostResult> = fc.oneof(
  fc.constant(ok),
  fc.record({
    ok: fc.constant(false),
    status: fc.constantFrom(...refusals),
    durationMs: fc.nat(2_000),
    retryAfterMs: fc.option(fc.nat(80_000_000), { nil: undefined }),
  }),
);

describe('an overloaded endpoint that asks for no pause', () => {
  test.each(refusals)('with %i gets half the concurrency and no other limit', (status) => {
    const { state, effects } = post(endpoint({ latencyMs: 20 }), [refusing(status)]);
    expect(state).toMatchObject({ circuit: 'closed', pausedUntilMs: 0, bearsConcurrency: 5 });
    expect(effects).toEqual([]);
    expect(isFast(state, policy, startMs)).toBe(true);
    expect(admit(state, limits, 9, { id: 'a', durationMs: 1 }, startMs)).toMatchObject({ kind: 'admitted', slots: 5 });
  });

  test('keeps its concurrency after a 500, which is a fault and not overload', () => {
    expect(post(endpoint(), [broken]).state.bearsConcurrency).toBeUndefined();
  });

  test('is halved once in ten rounds, so the effect can show first', () => {
    const halved = post(endpoint(), [refusing(503)]).state;
    const mixed = [ok, refusing(503), ok, refusing(503)];
    expect(post(halved, mixed).state.bearsConcurrency).toBeGreaterThan(4);
    const settled = { ...halved, answersSinceHalved: 100 };
    expect(post(settled, [refusing(503)]).state.bearsConcurrency).toBe(2.5);
  });

  test('recovers after twenty accepted posts', () => {
    const halved = post(endpoint(), [refusing(503)]).state;
    expect(post(halved, repeat(ok, 20)).state.bearsConcurrency).toBeUndefined();
  });

  test('gets fewer posts at a time in the rest of the lease, and recovers', () => {
    const admission = admit(endpoint(), limits, 100, { id: 'a', durationMs: 1, maxSlots: 6 }, startMs);
    if (admission.kind !== 'admitted') throw new Error('not admitted');
    expect(slotsAfter(admission, [], limits)).toBe(6);
    expect(slotsAfter(admission, [ok, refusing(503)], limits)).toBe(3);
    expect(slotsAfter(admission, [refusing(503), ...repeat(ok, 20)], limits)).toBe(6);
  });

  test('gets about one post at a time while it refuses most, never fewer, and recovers fully (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(anyResult, { maxLength: 200 }), (concurrency, results) => {
        const of = { concurrency, ratePerSecond: undefined };
        let pace: Pace = endpoint();
        for (const result of results) {
          pace = paceAfter(pace, result, of);
          expect(pace.bearsConcurrency ?? concurrency).toBeGreaterThanOrEqual(1);
          expect(pace.bearsConcurrency ?? 0).toBeLessThan(Math.max(1.1, concurrency));
        }
        // After this many answers, the initial concurrency no longer matters.
        let sum = 0;
        for (let answer = 0; answer < 200 * concurrency; answer += 1) {
          pace = paceAfter(pace, answer % 5 < 4 ? refusing(503) : ok, of);
          sum += pace.bearsConcurrency ?? concurrency;
        }
        expect(sum / (200 * concurrency)).toBeLessThanOrEqual(Math.max(2.5, 0.3 * concurrency));
        for (let answer = 0; answer < 2 * concurrency; answer += 1) pace = paceAfter(pace, ok, of);
        expect(pace.bearsConcurrency).toBeUndefined();
      }),
    );
  });

  test('keeps most of its concurrency while it refuses a third of its posts (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 100 }), fc.integer({ min: 0, max: 2 }), (concurrency, first) => {
        const of = { concurrency, ratePerSecond: undefined };
        let pace: Pace = endpoint();
        let sum = 0;
        const answers = 100 * concurrency;
        for (let answer = 0; answer < answers; answer += 1) {
          pace = paceAfter(pace, answer % 3 === first ? refusing(503) : ok, of);
          sum += pace.bearsConcurrency ?? concurrency;
        }
        expect(sum / answers / concurrency).toBeGreaterThan(0.7);
      }),
    );
  });

  test('opens its circuit when it refuses nearly all posts, not when it refuses half', () => {
    expect(post(endpoint(), repeat(refusing(503), 9)).state.circuit).toBe('closed');
    expect(post(endpoint(), repeat(refusing(503), 10)).state.circuit).toBe('open');
    expect(post(endpoint(), [...repeat(ok, 2), ...repeat(refusing(429), 8)]).state.circuit).toBe('open');
    expect(post(endpoint(), [...repeat(ok, 3), ...repeat(refusing(429), 7)]).state.circuit).toBe('closed');
    expect(post(endpoint(), [...repeat(ok, 5), ...repeat(broken, 5)]).state.circuit).toBe('open');
  });

  test('is counted in a row that an older version wrote', () => {
    const window = { startedAtMs: startMs, succeeded: 0, failed: 4 };
    const { refused: _, ...older } = { ...window, refused: undefined };
    expect(post(endpoint({ window: older }), repeat(refusing(502), 6)).state.circuit).toBe('open');
  });
});

describe('an endpoint that only fails', () => {
  const dayMs = 86_400_000;
  const failing = endpoint({ failingSinceMs: startMs });
  test.each([
    [2.49, []],
    [2.5, [{ kind: 'disabling', percent: 50, disablesAtMs: startMs + 5 * dayMs }]],
    [3.8, [{ kind: 'disabling', percent: 75 }]],
    [4.5, [{ kind: 'disabling', percent: 90 }]],
    // The next notice comes when it is disabled; before that, a probe is sent.
    [5, [{ kind: 'last-probe' }]],
  ])('notifies its owner after %d days', (days, effects) => {
    expect(post(failing, [broken], startMs + days * dayMs).effects).toMatchObject(effects);
  });

  test('is disabled by a failure after its period, not by time alone', () => {
    const over = post(failing, [broken], startMs + 5 * dayMs).state;
    expect(over).toMatchObject({ noticedPercent: 100 });
    expect(notice(over, policy, startMs + 5 * dayMs + 1).effects).toEqual([]);
    expect(dueAtMs(over, policy)).toBe(startMs + 5 * dayMs + policy.lastProbeMs);
    expect(notice(over, policy, dueAtMs(over, policy) ?? 0).effects).toEqual([{ kind: 'last-probe' }]);
    expect(post(over, [broken], startMs + 5 * dayMs + 1_000).effects).toMatchObject([{ kind: 'disabled' }]);
    // If a run dies before it disables the subscription, the next failure repeats the effect.
    const { state } = post(over, [broken], startMs + 5 * dayMs + 1_000);
    expect(post(state, [broken], startMs + 5 * dayMs + 2_000).effects).toMatchObject([{ kind: 'disabled' }]);
  });

  test('is never disabled by failures within half a day (property)', () => {
    const halfDayMs = dayMs / 2;
    fc.assert(
      fc.property(
        fc.array(fc.record({ afterMs: fc.nat(2 * dayMs), isPost: fc.boolean() }), { maxLength: 40 }),
        (steps) => {
          let state = endpoint();
          let nowMs = startMs;
          let lastFailureMs = startMs;
          for (const { afterMs, isPost } of [{ afterMs: 0, isPost: true }, ...steps]) {
            nowMs += afterMs;
            const since = state.failingSinceMs ?? nowMs;
            if (isPost && admit(state, limits, 1, { id: 'a', durationMs: 1 }, nowMs).kind === 'blocked') continue;
            const { effects, state: next } = isPost ? post(state, [broken], nowMs) : notice(state, policy, nowMs);
            if (isPost) lastFailureMs = nowMs;
            state = next;
            if (effects.every(({ kind }) => kind !== 'disabled')) continue;
            expect(isPost).toBe(true);
            expect(lastFailureMs - since).toBeGreaterThanOrEqual(halfDayMs);
            expect(nowMs - since).toBeGreaterThanOrEqual(policy.disableAfterMs);
          }
        },
      ),
    );
  });

  test('recovers with a success after its period', () => {
    const over = post(failing, [broken], startMs + 5 * dayMs).state;
    const { state, effects } = post(over, [ok], startMs + 5 * dayMs + 1_000);
    expect(state).toMatchObject({ failingSinceMs: undefined, noticedPercent: 0, lastProbeDueAtMs: undefined });
    expect(effects).toMatchObject([{ kind: 'recovered' }]);
    expect(dueAtMs(state, policy)).toBeUndefined();
  });

  test('notifies its owner once, and is due for the next notice without a post', () => {
    const told = post(failing, [broken], startMs + 2.5 * dayMs).state;
    expect(post(told, [broken], startMs + 2.6 * dayMs).effects).toEqual([]);
    expect(dueAtMs(told, policy)).toBe(startMs + 3.75 * dayMs);
  });

  test('starts a new period after one success', () => {
    const { state, effects } = post({ ...failing, noticedPercent: 75 }, [ok], startMs + 4 * dayMs);
    expect(state).toMatchObject({ failingSinceMs: undefined, noticedPercent: 0 });
    expect(effects).toMatchObject([{ kind: 'recovered' }]);
  });
});

describe('a fast endpoint', () => {
  test('has succeeded once and answers within a second', () => {
    expect(isFast(endpoint(), policy, startMs)).toBe(false);
    expect(isFast(post(endpoint(), [ok]).state, policy, startMs)).toBe(true);
    expect(isFast(post(endpoint(), [{ ...ok, durationMs: 3_000 }]).state, policy, startMs)).toBe(false);
  });

  test('is no longer fast once it hangs', () => {
    const fast = post(endpoint(), repeat(ok, 10)).state;
    const hanging = post(fast, [{ ok: false, status: undefined, durationMs: 15_000 }]).state;
    expect(isFast(hanging, policy, startMs)).toBe(false);
  });
});

describe('draining', () => {
  const asked = () => callDrainer(woken(endpoint()), startMs)?.state as EndpointState;

  test('is requested once, by the first addition to the backlog', () => {
    expect(asked()).toMatchObject({ hasBacklog: true, wakeups: 1 });
    expect(callDrainer(asked(), startMs)).toBeUndefined();
    expect(callDrainer(asked(), startMs + 60_001)).toBeDefined();
  });

  test('is requested for the time of the next probe while the circuit is open', () => {
    const called = callDrainer(woken(opened()), startMs + 1);
    expect(called?.beginsAtMs).toBe(startMs + 10_000);
    expect(callDrainer(called?.state ?? endpoint(), startMs + 9_999)).toBeUndefined();
  });

  test('has one drainer at a time, until its claim expires', () => {
    const claimed = claimDrain(asked(), { id: 'a', durationMs: 1_000 }, startMs);
    expect(claimed).toMatchObject({ drainer: { id: 'a' } });
    if (claimed === undefined) return;
    expect(claimDrain(claimed, { id: 'b', durationMs: 1_000 }, startMs + 999)).toBeUndefined();
    expect(claimDrain(claimed, { id: 'b', durationMs: 1_000 }, startMs + 1_000)).toMatchObject({
      drainer: { id: 'b' },
    });
  });

  test('does not end when a delivery was added after the backlog was read', () => {
    const state = asked();
    const seen = state.wakeups;
    expect(finishDrain(woken(state), seen)).toBeUndefined();
    expect(finishDrain(state, seen)).toMatchObject({ hasBacklog: false, drainer: undefined });
  });

  test('remembers a delayed message after an urgent request, until the message is visible', () => {
    const laterMs = startMs + 600_000;
    const left = leaveDrain(woken(endpoint()), laterMs, laterMs);
    expect(callDrainer(left, startMs)).toBeUndefined();
    const called = callDrainer(left, startMs, true);
    expect(called?.beginsAtMs).toBe(startMs);
    const state = called?.state ?? endpoint();
    expect(delayedMessageMs(state, startMs)).toBe(laterMs);
    expect(delayedMessageMs(state, laterMs)).toBeUndefined();
    expect(delayedMessageMs(endpoint(), startMs)).toBeUndefined();
  });

  test('relies on no message for a time that SQS cannot delay to', () => {
    expect(messageFor(startMs + 900_000, startMs)).toBe(startMs + 900_000);
    expect(messageFor(startMs + 900_001, startMs)).toBeUndefined();
  });

  test('is due again shortly after it should have continued', () => {
    const left = leaveDrain(asked(), startMs + 10_000);
    expect(dueAtMs(left, policy)).toBe(startMs + 70_000);
    expect(dueAtMs(endpoint(), policy)).toBeUndefined();
  });
});
