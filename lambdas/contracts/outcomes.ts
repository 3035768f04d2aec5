import type { canaryLatencyMetric } from './canary.ts';

/** CloudWatch namespace of every metric of the engine. */
export const metricsNamespace = 'Tributary';

/*
 * Outcomes of inputs. Every input has exactly one outcome in the function that decides it, so the outcomes add up to
 * the inputs. Each outcome is a metric of that name, with the function's name as its dimension `service`.
 *
 *   requests    = rejected + handshake + accepted                        (ingress)
 *   accepted    = mapped + ignored + unrouted + dead-lettered            (normalize)
 *   handshakes that the engine completes with a call = confirmed + dead-lettered
 *   events      = published + duplicate + stale + unchanged + refused + enriching    (normalize)
 *   enriching   = published + duplicate + stale + unchanged + refused + coalesced    (enrich)
 *   found       = published + duplicate + stale + unchanged + refused    (poll)
 *   published   = filtered (no subscription wants it) + pull-only + those with deliveries     (normalize)
 *   enqueued    = delivered + filtered + dead-lettered + cancelled       (deliver, drain and api together)
 *
 * `stale` is an input that is older than what the engine knows of its record, `unchanged` one that says the same.
 * `enriching` is a thin event whose record is read before it is published; `found` is a record that a sync read.
 * `refused` is an event of a tenant whose data is being erased; a request of such a tenant is `ignored`.
 *
 * `pull-only` is an event that no subscription gets because its tenant's delivery mode is `pull`: it is in the feed.
 *
 * When a function fails or dies, its input is retried and counted then, so no input is ever missing. A retried input
 * may be counted more than once, as it may be delivered more than once.
 *
 * `dead-lettered` of normalize and deliver includes messages that SQS itself moves to the dead-letter queue: a message
 * is counted before the run that receives it for the last time, and subtracted (a negative sample) unless the run
 * fails.
 *
 * `parked` (put into its endpoint's backlog, which drain sends), `postponed` (queued again for seconds later,
 * because other runs hold the slots of its endpoint, or the record of its last attempt is not written yet), `retried`
 * (a later attempt follows) and `duplicate` (an earlier run had done it) are intermediate steps of a delivery, not its
 * end. A delivery that a replay or a retry repeats ends once more.
 *
 * The statistics table also counts ingress's rejections and normalize's outcomes, except those of deliveries, by
 * integration and tenant.
 */
export type IngressOutcome = 'accepted' | 'handshake' | 'rejected';

/**
 * Ingress also counts genuine webhooks that it does not accept, and requests that fail verification, by integration and
 * reason; they are `rejected`, too. Alarms watch these.
 */
export type IngressNote = 'hop-limit' | 'rate-limited' | 'verification-failed';

export type NormalizeOutcome =
  | 'mapped'
  | 'ignored'
  | 'confirmed'
  | 'unrouted'
  | 'dead-lettered'
  | 'published'
  | 'duplicate'
  | 'stale'
  | 'unchanged'
  | 'refused'
  | 'enriching'
  | 'enqueued'
  | 'filtered'
  | 'pull-only';

/** `coalesced`: a thin event whose record another one's read brought. */
export type EnrichOutcome =
  | Exclude<NormalizeOutcome, 'mapped' | 'ignored' | 'confirmed' | 'unrouted' | 'dead-lettered' | 'enriching'>
  | 'coalesced'
  | EnrichNote;

/** Enrich also counts events that it published thin, because no read brought their records. */
export type EnrichNote = 'unread';

/** What has become of the records that a sync found. */
export type PollOutcome = Exclude<EnrichOutcome, 'coalesced' | EnrichNote>;

/**
 * Poll also counts runs that ended, syncs that began to fail (their tenants are told), and changes that only a
 * comparison of all records found, by cause.
 */
export type PollNote = 'sync-runs-succeeded' | 'sync-runs-failed' | 'syncs-failing' | 'sync-drift';

/**
 * Normalize also counts mismatches of events with the schema of their resource, by integration; it publishes these
 * events anyway.
 */
export type NormalizeNote = 'schema-drift';

/**
 * Normalize also counts what it compared of candidates: requests that both definitions mapped, those with different
 * events, those that the candidate failed to map, those that were not compared for lack of time or room, and those whose
 * comparison could not be stored.
 */
export type CanaryNote = 'canary-compared' | 'canary-different' | 'canary-failed' | 'canary-skipped' | 'canary-lost';

export type DeliverOutcome =
  | 'delivered'
  | 'filtered'
  | 'dead-lettered'
  | 'parked'
  | 'postponed'
  | 'retried'
  | 'duplicate';

export type DrainOutcome = 'delivered' | 'filtered' | 'dead-lettered' | 'retried';

/** Drain also counts posts to the second endpoints of tenants. They are not deliveries. */
export type ShadowNote = 'shadow-delivered' | 'shadow-failed' | 'shadow-skipped';

/** A waiting delivery that a person cancelled, alone or with its subscription. */
export type ApiOutcome = 'cancelled';

/** The API also counts calls with an invalid key or token. An alarm watches this. */
export type ApiNote = 'credentials-refused';

/** Deliver and drain also count changes of endpoints' health. Alarms watch these. */
export type EndpointNote = 'circuit-opened' | 'subscription-disabling' | 'subscription-disabled';

/**
 * Drain and govern count messages that SQS moves to their dead-letter queue. Such a message only asks a run to
 * continue; it is not an input, and dispatch later asks again for the waiting work.
 */
export type QueueNote = 'messages-dead-lettered';

/**
 * Dispatch counts the attempts that it put on the delivery queue, the drains, reads of records and runs of syncs that
 * it requested, and the replays and erasures that it restarted because they had fallen silent.
 */
export type DispatchNote =
  | 'attempts-dispatched'
  | 'drains-requested'
  | 'fetches-requested'
  | 'syncs-dispatched'
  | 'silent-work-restarted';

/** The canary counts its runs that found something missing; healthy runs are samples of its latency. */
export type HeartbeatNote = 'heartbeat-missing';

/** Govern counts tenants whose data it has erased. */
export type GovernNote = 'tenants-erased';

/** What the engine measures besides counts, each value a sample of its metric, in the unit that CloudWatch shows. */
export const measureUnits = {
  /**
   * From the receipt of a webhook until its event is published (normalize, enrich) or delivered (deliver at the first
   * attempt, drain at any): the last two are the whole way. Replays are not measured.
   */
  latency: 'Milliseconds',
  /** How long a backlog that may be sent has waited for its drain. */
  'backlog-age': 'Seconds',
  /** Age of what is known of a provider when a run ends or must wait: time since the begin of the last whole run. */
  'sync-freshness': 'Seconds',
  /** How long after its scheduled time, or since its first failure, a sync ends its run or must wait. */
  'sync-lag': 'Seconds',
  /** What is left of the limit of a provider that is used up most, by integration. */
  'budget-left': 'Percent',
} as const;

export type Measure = keyof typeof measureUnits;

/** Dimensions of metrics besides `service` and `stage`. Never a tenant, an account or an endpoint: each value costs. */
export type MetricDimension = 'integration' | 'reason';

/** The name of each metric of the engine. */
export type EngineMetric =
  | IngressOutcome
  | IngressNote
  | NormalizeOutcome
  | NormalizeNote
  | EnrichOutcome
  | PollOutcome
  | PollNote
  | DeliverOutcome
  | DrainOutcome
  | ApiOutcome
  | ApiNote
  | EndpointNote
  | QueueNote
  | DispatchNote
  | GovernNote
  | CanaryNote
  | ShadowNote
  | HeartbeatNote
  | typeof canaryLatencyMetric
  | Measure;
