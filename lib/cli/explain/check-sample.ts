import { callOf } from '../../../lambdas/engine/definition/plan-answer.ts';
import type { WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import { checkResource, type PreparedResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import { type Reception, receiveWebhook } from '../../../lambdas/engine/reception/decide-reception.ts';
import { prepareWebhook } from '../../../lambdas/engine/reception/prepare-webhook.ts';
import { readXml } from '../../../lambdas/engine/request/read-xml.ts';
import type { SecretValues, WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import type { VerifySpec } from '../../../lambdas/engine/verification/check-tree.ts';
import { checksForRequest } from '../../definitions/checks-for-request.ts';
import { contextsOf } from '../../definitions/contexts-of.ts';
import { makeKeys, rotatingSecrets, type SigningKeys } from '../../definitions/make-keys.ts';
import type { Sample } from '../../definitions/samples.ts';
import { signRequest } from '../../definitions/sign-request.ts';
import { comparableItems, differences } from './compare-events.ts';
import { describeDataFault } from './explain-mapping.ts';
import { mapRequestOffline, type OfflineMapping } from './map-request-offline.ts';
import { suggestion } from './nearest-name.ts';
import { rejectionDetail } from './rejection-detail.ts';
import { changePart, protectedParts, removePart } from './request-parts.ts';
import { reviewChecks } from './review-checks.ts';

/** One check of a sample. */
export interface SampleCheck {
  readonly name:
    | 'signed'
    | 'tampered'
    | 'stale'
    | 'wrong secret'
    | 'missing signature'
    | 'rotated secret'
    | 'events'
    | 'routing'
    | 'schema'
    | 'thin'
    | 'exchange';
  /** Differences from the expectation, one line each; empty when the check passes. */
  readonly faults: readonly string[];
  /** What was not checked, and how to check it. */
  readonly notes?: readonly string[];
  /** Of `routing`: whether the request names its account. */
  readonly namesAccount?: boolean;
}

/** A token without `max_age_seconds` is stale when it has expired: the signer gives it 300 s, the check 60 s more. */
const tokenLifeSeconds = 360;

/**
 * Check a sample against its definition: the signed request is verified; a tampered, stale or unsigned one, or one
 * signed with another secret, is rejected; and the events are the expected ones.
 */
export async function checkSample(
  definition: WebhookDefinition,
  sample: Sample,
  resources: PreparedResources,
  nowMs: number,
): Promise<readonly SampleCheck[]> {
  const webhook = prepareWebhook(definition, readXml);
  const keys = makeKeys(definition, 'current');
  const receive = (request: WebhookRequest, secrets: SecretValues = keys.secrets) =>
    receiveWebhook(webhook, request, secrets, nowMs);
  const sign = (with_: SigningKeys = keys, atMs = nowMs) => signRequest(definition, sample.request, with_, atMs);

  let signed: WebhookRequest;
  try {
    signed = sign();
  } catch (error) {
    return [{ name: 'signed', faults: [`cannot be signed: ${(error as Error).message}`] }];
  }
  const reception = receive(signed);
  const handshake = reception.kind === 'handshake' ? reception.name : undefined;
  const checks = checksForRequest(definition, sample.request);
  const verified: SampleCheck = {
    name: 'signed',
    faults: expectVerified('signed', reception),
    notes: handshake === undefined ? reviewChecks(definition, checks) : [],
  };
  const mapped =
    handshake === undefined ? await mapRequestOffline(definition, signed, keys.secrets, nowMs, resources) : undefined;
  const outcome: readonly SampleCheck[] = [
    { name: 'events', faults: mapped === undefined ? handshakeFaults(sample) : eventFaults(sample, mapped) },
    ...(mapped?.kind === 'mapped' && mapped.events.length > 0
      ? [
          ...checkRouting(definition, signed, mapped),
          checkSchemas(resources, mapped.events),
          checkThin(definition, mapped.events),
        ]
      : []),
  ];
  const isOpen = definition.webhook.handshakes.some(({ name, verify }) => name === handshake && verify === 'none');
  if (isOpen || verified.faults.length > 0) return [verified, ...outcome];
  return [verified, ...checkRejections({ definition, checks, signed, keys, nowMs, sign, receive }), ...outcome];
}

/** How a sample is signed and received at one time. */
interface Rehearsal {
  readonly definition: WebhookDefinition;
  readonly checks: readonly VerifySpec[];
  readonly signed: WebhookRequest;
  readonly keys: Required<SigningKeys>;
  readonly nowMs: number;
  readonly sign: (keys: SigningKeys, atMs?: number) => WebhookRequest;
  readonly receive: (request: WebhookRequest, secrets?: SecretValues) => Reception;
}

/** Check that tampered, stale and unsigned requests are rejected, and that a secret can be rotated. */
function checkRejections(rehearsal: Rehearsal): readonly SampleCheck[] {
  const { definition, checks, signed, sign, receive } = rehearsal;
  const { signed: signedParts, proofs } = protectedParts(definition, checks);
  const tampered = [...signedParts, ...proofs].flatMap((part) => {
    const request = changePart(definition, signed, part);
    return request === undefined ? [] : expectRejected(`${part.name} changed`, receive(request));
  });
  const unsigned = proofs.flatMap((part) => {
    const request = removePart(definition, signed, part);
    return request === undefined ? [] : expectRejected(`without ${part.name}`, receive(request));
  });
  const wrong = expectRejected('signed with another secret', receive(sign(makeKeys(definition, 'wrong'))));
  return [
    { name: 'tampered', faults: tampered },
    ...checkStale(rehearsal),
    { name: 'wrong secret', faults: wrong },
    { name: 'missing signature', faults: unsigned },
    { name: 'rotated secret', faults: rotationFaults(rehearsal) },
  ];
}

/** Check that requests outside the bounds of their time are rejected; nothing if no check has bounds. */
function checkStale({ checks, keys, nowMs, sign, receive }: Rehearsal): readonly SampleCheck[] {
  const bounds = boundsOf(checks);
  if (bounds === undefined) return [];
  const { ageSeconds, aheadSeconds } = bounds;
  const faults = [
    ...expectRejected(`${ageSeconds} s old`, receive(sign(keys, nowMs - ageSeconds * 1000))),
    ...(aheadSeconds === undefined
      ? []
      : expectRejected(`${aheadSeconds} s ahead`, receive(sign(keys, nowMs + aheadSeconds * 1000)))),
  ];
  return [{ name: 'stale', faults }];
}

/** While a secret rotates, both the old and the new one are valid. */
function rotationFaults({ definition, keys: old, sign, receive }: Rehearsal): readonly string[] {
  const rotating = rotatingSecrets(definition);
  const made = makeKeys(definition, 'next');
  const next = {
    ...made,
    secrets: mapEntries(made.secrets, (name, value) => (rotating.has(name) ? value : (old.secrets[name] ?? value))),
  };
  const both = mapEntries(old.secrets, (name, value) =>
    rotating.has(name) ? [next.secrets[name] ?? value, value] : value,
  );
  return [
    ...expectVerified('signed with the old secret', receive(sign(old), both)),
    ...expectVerified('signed with the new secret', receive(sign(next), both)),
  ];
}

function eventFaults({ expected }: Sample, mapped: OfflineMapping): readonly string[] {
  if (mapped.kind === 'failed') return [mapped.reason];
  if (expected === undefined) return ['has no expected events'];
  return [...differences(expected, comparableItems(mapped)), ...(mapped.unnamed ?? []).map(unnamedFault)];
}

function unnamedFault(place: number): string {
  return `event ${place}: is thin, and only a digest of the body would name it: two changes of a record with the same body would count as one; give the event an id, a version or occurred_at, or say delivery_id: none`;
}

/** Check that the URL for all accounts can route the request: each event must name, or belong to, one context. */
function checkRouting(
  definition: WebhookDefinition,
  request: WebhookRequest,
  { named, contexts }: Extract<OfflineMapping, { kind: 'mapped' }>,
): readonly SampleCheck[] {
  const { routing } = definition;
  if (routing === undefined || named === undefined) return [];
  // Where each account has a secret, all events belong to the account whose secret verifies the request.
  const isShared = routing.secrets === 'app' && named.length > 1 && contexts.includes(undefined);
  const read = contextsOf(definition, request);
  const isSame = read === undefined || [...read].sort().join('\n') === [...named].sort().join('\n');
  return [
    {
      name: 'routing',
      faults: [
        ...(isShared
          ? [`names ${named.length} contexts, but an event says not whose it is: expected its context`]
          : []),
        ...(isSame
          ? []
          : [`context gives ${listed(read)}, context_lookup_field ${listed(named)}: expected the same of both`]),
      ],
      namesAccount: named.length > 0,
    },
  ];
}

function listed(values: readonly string[]): string {
  return values.length === 0 ? 'nothing' : values.map((value) => JSON.stringify(value)).join(', ');
}

/** Check that the record of each thin event can be read, or that the definition says why it cannot. */
function checkThin(
  definition: WebhookDefinition,
  events: Extract<OfflineMapping, { kind: 'mapped' }>['events'],
): SampleCheck {
  const thin = [...new Set(events.filter((event) => event.thin === true).map(({ resource }) => resource))];
  const lost = thin.filter((resource) => {
    const isRead = (['get', 'batch_get'] as const).some((method) => callOf(definition, resource, method) !== undefined);
    return !isRead && definition.resources?.[resource]?.unfetchable === undefined;
  });
  return {
    name: 'thin',
    faults: lost.map(
      (resource) =>
        `${resource}: got a thin event of a resource without \`get\` or \`batch_get\`, expected one of them, or the reason as \`unfetchable\``,
    ),
  };
}

/** Check the data of each event against the schema of its resource. A team's own resources may have no schema. */
function checkSchemas(
  resources: PreparedResources,
  events: Extract<OfflineMapping, { kind: 'mapped' }>['events'],
): SampleCheck {
  const checked = events.map(({ resource, data }) => ({ resource, faults: checkResource(resources, resource, data) }));
  const without = checked.filter(({ faults }) => faults === undefined).map(({ resource }) => resource);
  return {
    name: 'schema',
    faults: checked.flatMap(({ resource, faults = [] }, index) =>
      faults.map((fault) => describeDataFault(resources, resource, index, fault)),
    ),
    notes: [...new Set(without)].map(
      (resource) =>
        `${resource}: no schema, not checked; add integrations/resources/${resource}.json${suggestion(resource, [...resources.schemas.keys()])}`,
    ),
  };
}

function handshakeFaults({ expected }: Sample): readonly string[] {
  return expected === undefined || expected.length === 0 ? [] : ['is a handshake, which makes no events'];
}

function boundsOf(checks: readonly VerifySpec[]): { ageSeconds: number; aheadSeconds: number | undefined } | undefined {
  const freshness = checks.flatMap((check) => check.freshness ?? []);
  const ages = [
    ...freshness.map((spec) => spec.max_age_seconds),
    ...checks.flatMap(({ jwt }) => (jwt === undefined ? [] : [jwt.max_age_seconds ?? tokenLifeSeconds])),
  ];
  if (ages.length === 0) return undefined;
  const aheads = freshness.map((spec) => spec.max_ahead_seconds);
  // A timestamp in seconds may be a second off.
  return {
    ageSeconds: Math.max(...ages) + 2,
    aheadSeconds: aheads.length === 0 ? undefined : Math.max(...aheads) + 2,
  };
}

function expectVerified(what: string, reception: Reception): readonly string[] {
  const verdict = reception.kind === 'malformed' ? reception.verdict : reception;
  if (verdict.kind !== 'rejected') return [];
  const detail = rejectionDetail(verdict);
  return [`${what}: expected verified, got rejected: ${verdict.reason}${detail === undefined ? '' : ` (${detail})`}`];
}

function expectRejected(what: string, reception: Reception): readonly string[] {
  const verdict = reception.kind === 'malformed' ? reception.verdict : reception;
  return verdict.kind === 'rejected' ? [] : [`${what}: expected rejected, got ${verdict.kind}`];
}

function mapEntries<T, U>(record: Readonly<Record<string, T>>, map: (name: string, value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(name, value)]));
}
