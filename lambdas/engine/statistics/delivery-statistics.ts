import { type Percentiles, percentilesOf } from './percentiles.ts';

/** What statistics look at in a delivery. */
export interface CountedDelivery {
  readonly timestamp: string;
  readonly state: DeliveryState;
  readonly replay: string | undefined;
  readonly attemptCount: number;
  readonly attempts: readonly {
    readonly trigger: 'schedule' | 'probe' | 'manual';
    readonly at: string;
    readonly durationMs: number;
    readonly status: number | undefined;
    readonly error: string | undefined;
  }[];
}

type DeliveryState = 'waiting' | 'retrying' | 'delivered' | 'exhausted' | 'cancelled';
type CountedAttempt = CountedDelivery['attempts'][number];

/** Where an attempt's answer belongs; `other` is what HTTP does not know as the end of a call. */
type StatusClass = '2xx' | '3xx' | '4xx' | '5xx' | 'other' | 'noAnswer';

/** How deliveries fare. */
export interface DeliveryStatistics {
  readonly deliveries: Readonly<Record<DeliveryState | 'total', number>>;
  /**
   * Delivered of those that were delivered or tried in vain, in [0, 1]; undefined where none was. What
   * a person cancelled says nothing of its endpoint.
   */
  readonly successRate: number | undefined;
  readonly attempts: {
    readonly total: number;
    /** Those that were not a delivery's first. */
    readonly retries: number;
    /** Those of which details are kept, a delivery's last ones: what follows here is of them. */
    readonly detailed: number;
    readonly byClass: Readonly<Record<StatusClass, number>>;
    /** By exact status, of those that were answered. */
    readonly byStatus: Readonly<Record<string, number>>;
    /** By kind of error, of those that were not; what is rare is together under `other`. */
    readonly byError: Readonly<Record<string, number>>;
  };
  /** How long attempts took, those in vain too. One for which nothing was sent took no time, and is left out. */
  readonly latencyMs: Percentiles | undefined;
  /** From the event to the answer that took it. What was asked for again came late on purpose, and is left out. */
  readonly timeToDeliveryMs: Percentiles | undefined;
  /** ISO 8601, the event of the oldest that waits for an attempt. */
  readonly oldestWaitingAt: string | undefined;
}

/** Kinds of error that are told apart. */
const maxErrorKinds = 20;
const maxErrorKindCharacters = 64;

export function deliveryStatistics(deliveries: readonly CountedDelivery[]): DeliveryStatistics {
  const ofState = (state: DeliveryState) => deliveries.filter((delivery) => delivery.state === state).length;
  const [delivered, exhausted] = [ofState('delivered'), ofState('exhausted')];
  const attempts = deliveries.flatMap((delivery) => delivery.attempts);
  const total = deliveries.reduce((sum, { attemptCount }) => sum + attemptCount, 0);
  const begun = deliveries.filter(({ attemptCount }) => attemptCount > 0).length;
  const waiting = deliveries.filter(({ state }) => state === 'waiting' || state === 'retrying');
  const classes = tally(attempts, classOf);
  return {
    deliveries: {
      total: deliveries.length,
      waiting: ofState('waiting'),
      retrying: ofState('retrying'),
      delivered,
      exhausted,
      cancelled: ofState('cancelled'),
    },
    successRate: delivered + exhausted === 0 ? undefined : delivered / (delivered + exhausted),
    attempts: {
      total,
      retries: total - begun,
      detailed: attempts.length,
      byClass: {
        '2xx': classes.get('2xx') ?? 0,
        '3xx': classes.get('3xx') ?? 0,
        '4xx': classes.get('4xx') ?? 0,
        '5xx': classes.get('5xx') ?? 0,
        other: classes.get('other') ?? 0,
        noAnswer: classes.get('noAnswer') ?? 0,
      },
      byStatus: Object.fromEntries(
        tally(
          attempts.flatMap(({ status }) => (status === undefined ? [] : [status])),
          String,
        ),
      ),
      byError: withoutRare(
        tally(
          attempts.filter(({ status }) => status === undefined),
          errorKindOf,
        ),
      ),
    },
    latencyMs: percentilesOf(
      attempts
        .filter(({ status, durationMs }) => status !== undefined || durationMs > 0)
        .map(({ durationMs }) => durationMs),
    ),
    timeToDeliveryMs: percentilesOf(deliveries.flatMap(timeToDelivery)),
    oldestWaitingAt: waiting.map(({ timestamp }) => timestamp).sort()[0],
  };
}

function tally<Item, Key extends string>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, number> {
  return new Map(
    Map.groupBy(items, keyOf)
      .entries()
      .map(([key, group]) => [key, group.length]),
  );
}

function classOf({ status }: CountedAttempt): StatusClass {
  if (status === undefined) return 'noAnswer';
  if (status < 200 || status > 599) return 'other';
  return `${Math.floor(status / 100)}xx` as StatusClass;
}

/** Errors begin with their kind; what follows a colon is of the one case. */
function errorKindOf({ error = 'unknown' }: CountedAttempt): string {
  return (error.split(':', 1)[0] as string).slice(0, maxErrorKindCharacters).toWellFormed();
}

function withoutRare(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const kept = new Map(sorted.slice(0, maxErrorKinds));
  const rare = sorted.slice(maxErrorKinds).reduce((sum, [, count]) => sum + count, 0);
  if (rare > 0) kept.set('other', (kept.get('other') ?? 0) + rare);
  return Object.fromEntries(kept);
}

function timeToDelivery({ timestamp, state, replay, attempts }: CountedDelivery): readonly number[] {
  const last = attempts.at(-1);
  if (state !== 'delivered' || replay !== undefined || last === undefined || last.trigger === 'manual') return [];
  // Clocks of two machines: no event comes before it happened.
  return [Math.max(0, Date.parse(last.at) + last.durationMs - Date.parse(timestamp))];
}
