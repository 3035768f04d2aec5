import { expect, test } from 'vitest';
import { type EndpointState, newEndpoint } from '../../../../lambdas/engine/delivery/endpoint-state.ts';
import { isUsedUp, markCrowded, needsExactAccounts } from '../../../../lambdas/engine/delivery/kept-lease.ts';

const limits = { concurrency: 10, ratePerSecond: undefined };
const endpoint: EndpointState = { ...newEndpoint('acme', 'sub_1'), latencyMs: 5 };
const held = (slots: readonly number[]): EndpointState['leases'] =>
  Object.fromEntries(slots.map((some, index) => [String(index), { slots: some, untilMs: 60_000 }]));

test('instances that keep several slots are asked for fewer, and go on to keep them', () => {
  const marked = markCrowded({ ...endpoint, leases: held([5, 5]) }, 1_000);
  expect(marked?.crowded).toEqual({ sinceMs: 1_000, untilMs: 11_000 });
  expect(needsExactAccounts(marked as EndpointState, limits, 1_000)).toBe(false);
});

test('instances that keep one slot each take turns, once there are too many', () => {
  const marked = markCrowded({ ...endpoint, leases: held(Array.from({ length: 10 }, () => 1)) }, 1_000);
  expect(marked?.crowded).toEqual({ sinceMs: 1_000, untilMs: 11_000, takesTurns: true });
  expect(needsExactAccounts(marked as EndpointState, limits, 1_000)).toBe(true);
  expect(needsExactAccounts(marked as EndpointState, limits, 11_000)).toBe(false);
});

test('instances take turns where fewer slots have not helped for as long as a lease is kept', () => {
  const crowded = { sinceMs: 0, untilMs: 10_000 };
  const state = { ...endpoint, crowded, leases: held([5, 5]) };
  expect(markCrowded(state, 4_000)).toBeUndefined();
  expect(isUsedUp(state, 6_000)).toBe(false);
  expect(markCrowded(state, 6_001)?.crowded).toEqual({ sinceMs: 0, untilMs: 16_001, takesTurns: true });
});

test('turns do not go on by themselves', () => {
  const crowded = { sinceMs: 0, untilMs: 10_000, takesTurns: true };
  const marked = markCrowded({ ...endpoint, crowded, leases: held([9]) }, 5_500);
  expect(marked?.crowded).toEqual({ sinceMs: 0, untilMs: 15_500 });
});
