import { type Percentiles, percentilesOf } from './percentiles.ts';

/** The parts of a delivery that statistics read. */
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

/** Class of an attempt's answer; `other` is a status that HTTP does not define as final. */
type StatusClass = '2xx' | '3xx' | '4xx' | '5xx' | 'other' | 'noAnswer';

/** Outcomes and timing of deliveries. */
export interface DeliveryStatistics {
  readonly deliveries: Readonly<Record<DeliveryState | 'total', number>>;
  /**
   * Share of delivered among delivered and exhausted deliveries, in [0, 1]; undefined if there are none. Cancelled
   * deliveries do not count, because a person ended them.
   */
  readonly successRate: number | undefined;
  readonly attempts: {
    readonly total: number;
    /** Attempts after a delivery's first. */
    readonly retries: number;
    /** Attempts with stored details: the last ones of each delivery. The figures below cover these attempts only. */
    readonly detailed: number;
    readonly byClass: Readonly<Record<StatusClass, number>>;
    /** Answered attempts by exact status. */
    readonly byStatus: Readonly<Record<string, number>>;
    /** Unanswered attempts by kind of error; rare kinds are summed up under `other`. */
    readonly byError: Readonly<Record<string, number>>;
  };
  /** Duration of attempts, failed ones included. Attempts that sent nothing are excluded. */
  readonly latencyMs: Percentiles | undefined;
  /** Time from the event to the accepting answer. Excludes replays and manual attempts, which are late on purpose. */
  readonly timeToDeliveryMs: Percentiles | undefined;
  /** ISO 8601 timestamp of the oldest event that waits for an attempt. */
  readonly oldestWaitingAt: string | undefined;
}

/** Most kinds of error with a count of their own. */
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

/** Read the kind of an error: the text before the first colon; the rest describes the single case. */
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
  // Two machines' clocks differ, so the difference may be negative.
  return [Math.max(0, Date.parse(last.at) + last.durationMs - Date.parse(timestamp))];
}
