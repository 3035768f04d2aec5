import { describe, expect, test } from 'vitest';
import { createChaos, defaultChaosRates, parseChaosRates } from '../../../../lib/local/faults/chaos.ts';
import type { GatedCall } from '../../../../lib/local/faults/gated-call.ts';

const call: GatedCall = {
  caller: 'normalize',
  service: 'dynamodb',
  operation: 'PutItem',
  resource: 'events',
  invocationId: '1',
};
/** Numbers that fill [0, 1) evenly. */
const evenly = (count: number) => {
  let drawn = 0;
  return () => (drawn++ % count) / count;
};
const none = { refused: 0, 'answer-lost': 0, throttled: 0, doubled: 0, delayed: 0, killed: 0 };

describe('the rates of chaos', () => {
  test('keep their defaults unless they are given', () => {
    expect(parseChaosRates('')).toEqual(defaultChaosRates);
    expect(parseChaosRates('killed=0,refused=7.5')).toEqual({ ...defaultChaosRates, killed: 0, refused: 7.5 });
  });

  test.each([
    ['names an unknown fault', 'explode=1', /expected one of refused, .*got "explode"/],
    ['is not a number', 'killed=often', /expected a percentage for killed/],
    ['exceeds 100', 'killed=101', /expected a percentage for killed/],
    ['exceeds 100 together with the others', 'killed=60,refused=60', /% together/],
  ])('fails when a rate %s', (_, text, message) => {
    expect(() => parseChaosRates(text)).toThrow(message);
  });
});

describe('chaos', () => {
  test('causes faults at the given rates after it has begun', () => {
    const chaos = createChaos({ ...none, refused: 3, killed: 2 }, evenly(1_000));
    expect(chaos.judge(call)).toBeUndefined();
    chaos.begin();
    for (let calls = 0; calls < 1_000; calls += 1) chaos.judge(call);
    expect(chaos.counts()).toEqual({ ...none, refused: 30, killed: 20 });
  });

  test('reports the callers that it kills, and kills neither the poller nor a subscriber', () => {
    const killed: string[] = [];
    const chaos = createChaos({ ...none, killed: 100 }, evenly(10), ({ caller }) => killed.push(caller));
    chaos.begin();
    expect(chaos.judge(call)).toEqual({ kind: 'killed' });
    expect(chaos.judge({ ...call, caller: 'poller' })).toBeUndefined();
    expect(chaos.strike()).toBeUndefined();
    expect(killed).toEqual(['normalize']);
  });
});
