import type { FaultEngine } from './fault-engine.ts';
import type { Ending } from './invariants.ts';

/** Outcomes counted so far, by function and name. */
export function countedOutcomes({ engine }: FaultEngine): ReadonlyMap<string, number> {
  return new Map(
    engine.metrics.list().map(({ name, dimensions, sum }) => [`${dimensions['service'] ?? ''} ${name}`, sum]),
  );
}

/** What was counted between two looks. */
export function outcomesSince(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  return new Map([...after].map(([name, sum]) => [name, sum - (before.get(name) ?? 0)]));
}

/**
 * Invariant 9, in numbers: inputs equal the sum of outcomes (contracts/outcomes.ts).
 *
 * Without a fault they are equal. After one they may be counted again, since an input may come again; what
 * comes again is counted at most once more. Fewer are counted only where a function was killed: it takes
 * with it what it counted in that invocation, and nobody else's counts.
 */
export function outcomeFaults({ run, outcomes, killed, hasFault, askedAgain }: Ending, events: number): string[] {
  const of = (service: string, ...names: readonly string[]) =>
    names.reduce((sum, name) => sum + (outcomes.get(`${service} ${name}`) ?? 0), 0);
  const sums = [
    // The killed one answers nobody with 2xx, and counts nothing.
    { what: 'requests answered with 2xx', inputs: run.accepted(), counted: of('ingress', 'accepted'), by: [] },
    {
      what: 'requests to map',
      inputs: run.accepted() + (askedAgain.requests ?? 0),
      counted: of('normalize', 'mapped', 'ignored', 'unrouted', 'dead-lettered'),
      by: ['normalize'],
    },
    {
      what: 'events',
      inputs: events,
      counted: of('normalize', 'published'),
      by: ['normalize'],
    },
    {
      what: 'deliveries',
      inputs: events * run.subscribers.length + (askedAgain.deliveries ?? 0),
      counted:
        of('deliver', 'delivered', 'filtered', 'dead-lettered') + of('drain', 'delivered', 'filtered', 'dead-lettered'),
      by: ['deliver', 'drain', 'callback'],
    },
  ];
  return sums.flatMap(({ what, inputs, counted, by }) => {
    const mayMiss = killed !== undefined && by.some((name) => name === killed);
    if (counted < inputs && !mayMiss) return [`9: of ${inputs} ${what} ${counted} ended`];
    const most = hasFault ? 2 * inputs + 1 : inputs;
    return counted > most ? [`9: ${inputs} ${what} ended ${counted} times`] : [];
  });
}
