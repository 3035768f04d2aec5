import type { simulations } from '../../engine/api/operations/subscription-operations.ts';
import type { CallbackOutcome } from '../../engine/delivery/callback-outcome.ts';
import { type CanonicalEvent, eventTypes, type RecordEventType } from '../../engine/event/canonical-event.ts';
import { wantsEvent } from '../../engine/feed/wants-event.ts';
import type { ResourceSchema } from '../../engine/mapping/check-resource.ts';
import { inventData } from '../../engine/mapping/invent-data.ts';
import { generateSigningKey } from '../../engine/signing/signing-keys.ts';
import { encodeSecret } from '../../engine/signing/standard-webhooks.ts';
import type { ResourceCatalog } from '../../ports/accounts/resource-catalog.ts';
import type { CallbackRequest } from '../../ports/delivery/callback-client.ts';
import type { Subscription } from '../../ports/delivery/subscription-store.ts';
import type { Pause } from '../../ports/runtime/pause.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import {
  type AttemptPorts,
  type CallbackOptions,
  postCallback,
  prepareCallback,
} from '../deliver/attempt/attempt-delivery.ts';
import type { PreparedSubscription } from '../deliver/attempt/prepare-subscription.ts';

export interface TestPorts extends AttemptPorts {
  readonly resources: ResourceCatalog;
  readonly pause: Pause;
}

export type Simulation = (typeof simulations)[number];

export interface TestRequest {
  /** Undefined sends one ordinary event. */
  readonly simulate: Simulation | undefined;
  /** Undefined for a type that the subscription asks for. */
  readonly type: RecordEventType | undefined;
  /** Undefined for a resource that the subscription asks for. */
  readonly resource: string | undefined;
}

export interface EndpointTest {
  readonly passed: boolean;
  /** What a correct receiver does. */
  readonly expected: string;
  /** In the order in which the test sent them. */
  readonly posts: readonly TestPost[];
}

export interface TestPost {
  readonly event: CanonicalEvent;
  /** Undefined if the test sent nothing. */
  readonly sent: SentCallback | undefined;
  readonly outcome: CallbackOutcome;
  /** Whether the receiver answered as a correct one does. */
  readonly passed: boolean;
}

/** A callback with its credentials masked. */
export interface SentCallback {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Callbacks that an endpoint refuses: a queue, a bus and a stream take every message and read none. */
const httpOnly: readonly (Simulation | undefined)[] = ['bad-signature', 'old-timestamp', 'oversized'];

/** Why a subscription cannot be tested so; undefined if it can. */
export function simulationFault({ destination }: Subscription, simulate: Simulation | undefined): string | undefined {
  if (destination === undefined || !httpOnly.includes(simulate)) return undefined;
  return `only an endpoint of type http can refuse a callback: expected none of ${httpOnly.join(', ')} for ${destination.type}`;
}

/** What a simulation sends, and which answers are right. */
interface Scene {
  readonly expected: string;
  readonly events: readonly CanonicalEvent[];
  /** Number of concurrent posts. @default 1 */
  readonly atOnce?: number;
  /** Pause between inventing the events and sending them. @default 0 */
  readonly delayMs?: number;
  /** Returns the keys and the time to sign with; called for each post. */
  readonly signing?: () => Pick<CallbackOptions, 'keys' | 'signedAtMs'>;
  readonly isRight: (outcome: CallbackOutcome) => boolean;
}

const burstSize = 20;
const delayMs = 5_000;
const oldMs = 600_000;
const oversizedBytes = 1_000_000;
/** A test runs within one call of the API, so no post begins after `beginPostsMs` or lasts beyond `endPostsMs`. */
const beginPostsMs = 15_000;
const endPostsMs = 25_000;
const minTimeoutMs = 1_000;
/** Replaces each secret in what a caller sees. */
export const masked = '***';

/**
 * Send an invented event to an endpoint immediately, and report the answer.
 *
 * The event is shaped, signed and confined like every callback, but bypasses the queue: the test stores nothing,
 * retries nothing, and leaves the endpoint's state unchanged.
 */
export async function testEndpoint(
  ports: TestPorts,
  prepared: PreparedSubscription,
  request: TestRequest,
): Promise<EndpointTest> {
  const startedAtMs = ports.clock.nowMs();
  const scene = sceneOf(ports, prepared.subscription, request.simulate, await inventEvent(ports, prepared, request));
  if (scene.delayMs !== undefined) await ports.pause(scene.delayMs);
  const posts = Array.from<TestPost>({ length: scene.events.length });
  await forEachAtMost(scene.atOnce ?? 1, [...scene.events.entries()], async ([index, event]) => {
    const elapsedMs = () => ports.clock.nowMs() - startedAtMs;
    if (elapsedMs() > beginPostsMs) {
      posts[index] = { event, sent: undefined, outcome: noTimeLeft, passed: false };
      return;
    }
    const callback = await prepareCallback(ports, prepared, event.id, [event], {
      isReplay: false,
      ...scene.signing?.(),
    });
    const outcome = await postCallback(
      ports,
      prepared,
      callback.kind === 'ready'
        ? { ...callback, request: withinTime(callback.request, endPostsMs - elapsedMs()) }
        : callback,
    );
    const sent = callback.kind === 'ready' ? shown(prepared.subscription, callback.request) : undefined;
    posts[index] = { event, sent, outcome, passed: scene.isRight(outcome) };
  });
  return { passed: posts.every(({ passed }) => passed), expected: scene.expected, posts };
}

const noTimeLeft: CallbackOutcome = {
  kind: 'failed',
  error: 'not sent: the earlier requests used all the time that a test has',
  durationMs: 0,
  isOwn: true,
};

function withinTime(request: CallbackRequest, leftMs: number): CallbackRequest {
  const { timeoutMs = leftMs } = request;
  return { ...request, timeoutMs: Math.max(minTimeoutMs, Math.min(timeoutMs, leftMs)) };
}

function sceneOf(
  ports: TestPorts,
  subscription: Subscription,
  simulate: Simulation | undefined,
  event: CanonicalEvent,
): Scene {
  switch (simulate) {
    case undefined:
      return { expected: 'It answers 2xx.', events: [event], isRight: isAccepted };
    case 'duplicate':
      return {
        expected: 'It answers 2xx to both, and acts on the event once: both have the same webhook-id.',
        events: [event, event],
        isRight: isAccepted,
      };
    case 'out-of-order':
      return {
        expected:
          'It answers 2xx to both, and keeps the data of the first: of two events of a record, the one with the higher sequence is newer.',
        events: [{ ...event, id: testId(ports), sequence: event.sequence + 1 }, event],
        isRight: isAccepted,
      };
    case 'delayed':
      return {
        expected: `It answers 2xx: the event is ${delayMs / 1000} s old, but its signature is fresh.`,
        events: [event],
        delayMs,
        isRight: isAccepted,
      };
    case 'burst':
      return {
        expected: `It answers each of ${burstSize} concurrent requests with 2xx, or with 429 or 503 if they are too many.`,
        events: burstEvents(ports, event),
        atOnce: burstSize,
        isRight: (outcome) => isAccepted(outcome) || answeredOneOf(outcome, [429, 503]),
      };
    case 'bad-signature':
      return {
        expected: 'It refuses it, with 400, 401 or 403 for example: the signature was made with another secret.',
        events: [event],
        signing: () => ({ keys: wrongKeys(ports, subscription) }),
        isRight: isRefused,
      };
    case 'old-timestamp':
      return {
        expected: `It refuses it, with 400, 401 or 403 for example: it was signed ${oldMs / 60_000} minutes ago, so it may be a replay.`,
        events: [event],
        signing: () => ({ signedAtMs: ports.clock.nowMs() - oldMs }),
        isRight: isRefused,
      };
    case 'oversized':
      return {
        expected: 'It answers 2xx, or 413 if it accepts no body of this size.',
        events: [{ ...event, data: { ...event.data, custom_fields: { padding: 'x'.repeat(oversizedBytes) } } }],
        isRight: (outcome) => isAccepted(outcome) || answeredOneOf(outcome, [413]),
      };
  }
}

/** One event for each of `burstSize` invented records. */
function burstEvents(ports: TestPorts, event: CanonicalEvent): readonly CanonicalEvent[] {
  return Array.from({ length: burstSize }, (_, index) => ({
    ...event,
    id: testId(ports),
    record_id: `test_${index + 1}`,
    sequence: index + 1,
    data: { ...event.data, id: `test_${index + 1}` },
  }));
}

function isAccepted(outcome: CallbackOutcome): boolean {
  return outcome.kind === 'answered' && outcome.status >= 200 && outcome.status < 300;
}

/** Statuses that say the URL is unknown or the receiver is busy; they do not refuse this one callback. */
const otherRefusals = [404, 405, 408, 410, 429];

function isRefused(outcome: CallbackOutcome): boolean {
  if (outcome.kind === 'failed') return false;
  return outcome.status >= 400 && outcome.status < 500 && !otherRefusals.includes(outcome.status);
}

function answeredOneOf(outcome: CallbackOutcome, statuses: readonly number[]): boolean {
  return outcome.kind === 'answered' && statuses.includes(outcome.status);
}

/** Keys in the receiver's format but not its own; of both kinds if it gets both kinds of signature. */
function wrongKeys({ randomness }: TestPorts, { signingKeys }: Subscription): CallbackOptions['keys'] {
  return {
    secrets: [encodeSecret(randomness.bytes(32))],
    ...(signingKeys === undefined ? {} : { signingKeys: [generateSigningKey(randomness.bytes(32))] }),
  };
}

const testId = ({ randomness }: Pick<TestPorts, 'randomness'>) => `evt_${randomness.bytes(16).toString('hex')}`;

/** An event that the subscription may receive, about a record that does not exist. */
async function inventEvent(
  ports: TestPorts,
  { subscription }: PreparedSubscription,
  { type, resource }: TestRequest,
): Promise<CanonicalEvent> {
  const { resources, integrations, accounts, tenant } = subscription;
  const schemas = await ports.resources.all();
  const recordId = 'test_1';
  const name = resource ?? wantedResource(resources, [...schemas.keys()]);
  const schema = schemas.get(name);
  return {
    id: testId(ports),
    type: type ?? wantedType(subscription),
    timestamp: new Date(ports.clock.nowMs()).toISOString(),
    tenant: tenant ?? 'test',
    account: accounts[0] ?? 'acc_test',
    integration: integrations[0] ?? 'test',
    resource: name,
    record_id: recordId,
    sequence: 1,
    origin: 'test',
    raw_event_type: 'test',
    schema_version: schema?.version ?? unversioned,
    data: inventData(schema ?? noSchema, recordId),
  };
}

/** The `schema_version` of events whose resource has no schema. */
const unversioned = '0.0.0';
const noSchema: Pick<ResourceSchema, 'properties'> = { properties: { name: { type: 'string' } } };
const usualResource = 'hris/employees';

function wantedType(subscription: Subscription): RecordEventType {
  const anywhere = { ...subscription, tenant: null, resources: [], integrations: [], accounts: [] };
  const wanted = (type: RecordEventType) =>
    wantsEvent(anywhere, { type, tenant: '', resource: '', integration: '', account: '' });
  return ['record:updated' as const, ...eventTypes].find(wanted) ?? 'record:updated';
}

/** A wanted resource that has a schema, if there is one; otherwise one that the subscription names in full. */
function wantedResource(patterns: Subscription['resources'], known: readonly string[]): string {
  const anything = { tenant: null, types: [], resources: patterns, integrations: [], accounts: [] };
  const wanted = (resource: string) =>
    wantsEvent(anything, { type: 'record:updated', tenant: '', resource, integration: '', account: '' });
  const named = patterns.find((pattern) => !pattern.endsWith('*'));
  return [usualResource, ...known].filter((one) => known.includes(one)).find(wanted) ?? named ?? usualResource;
}

/** Masks every header that the subscription sets: any of them may hold a credential. */
export function shown({ endpoint }: Subscription, { headers, body }: CallbackRequest): SentCallback {
  const own = new Set(['authorization', ...Object.keys(endpoint.headers).map((name) => name.toLowerCase())]);
  return {
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, own.has(name) ? masked : value])),
    body,
  };
}
