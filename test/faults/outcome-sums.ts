import { isOperational } from '../../lambdas/engine/event/operational-event.ts';
import type { Ending } from './ending.ts';
import type { FaultEngine, Row } from './fault-engine.ts';

/** Outcomes counted so far, by function and name. */
export function countedOutcomes({ engine }: FaultEngine): ReadonlyMap<string, number> {
  return new Map(
    engine.metrics.list().map(({ name, dimensions, sum }) => [`${dimensions['service'] ?? ''} ${name}`, sum]),
  );
}

/** Outcomes counted between two readings. */
export function outcomesSince(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  return new Map([...after].map(([name, sum]) => [name, sum - (before.get(name) ?? 0)]));
}

/**
 * Invariant 9, in numbers: inputs equal the sum of outcomes (contracts/outcomes.ts).
 *
 * Without a fault they are equal. After a fault no outcome is missing, whichever function was killed; an input that was
 * delivered again may be counted once per delivery.
 */
export function outcomeFaults({ run, outcomes, hasFault, askedAgain }: Ending, feed: readonly Row[]): string[] {
  const of = (service: string, ...names: readonly string[]) =>
    names.reduce((sum, name) => sum + (outcomes.get(`${service} ${name}`) ?? 0), 0);
  const sums = [
    { what: 'requests answered with 2xx', inputs: run.accepted(), counted: of('ingress', 'accepted') },
    {
      what: 'requests to map',
      inputs: run.accepted() + (askedAgain.requests ?? 0),
      counted: of('normalize', 'mapped', 'ignored', 'unrouted', 'dead-lettered'),
    },
    {
      what: 'thin events',
      inputs: of('normalize', 'enriching'),
      counted: of('enrich', 'published', 'duplicate', 'stale', 'unchanged', 'refused', 'coalesced'),
    },
    {
      what: 'events',
      inputs: feed.filter(({ id }) => !isOperational(String(id))).length,
      counted: of('normalize', 'published') + of('enrich', 'published') + of('poll', 'published'),
    },
    {
      what: 'deliveries',
      inputs: feed.length * run.subscribers.length + (askedAgain.deliveries ?? 0),
      counted:
        of('deliver', 'delivered', 'filtered', 'dead-lettered') + of('drain', 'delivered', 'filtered', 'dead-lettered'),
    },
  ];
  return sums.flatMap(({ what, inputs, counted }) => {
    if (counted < inputs) return [`9: of ${inputs} ${what} ${counted} ended`];
    const most = hasFault ? 2 * inputs + 1 : inputs;
    return counted > most ? [`9: ${inputs} ${what} ended ${counted} times`] : [];
  });
}
