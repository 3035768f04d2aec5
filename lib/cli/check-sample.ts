import type { Definition, VerifySpec } from '../../lambdas/engine/definition/schema.ts';
import { prepareWebhook } from '../../lambdas/engine/verification/prepare-webhook.ts';
import { type Reception, receiveWebhook } from '../../lambdas/engine/verification/receive-webhook.ts';
import type { SecretValues, WebhookRequest } from '../../lambdas/engine/verification/webhook-request.ts';
import { makeKeys, rotatingSecrets } from '../definitions/make-keys.ts';
import type { Sample } from '../definitions/samples.ts';
import { type SigningKeys, signRequest } from '../definitions/sign-request.ts';
import { comparableEvent, differences } from './compare-events.ts';
import { mapRequestOffline } from './map-request-offline.ts';
import { changePart, checksOf, protectedParts, removePart } from './request-parts.ts';

/** One thing that a sample was held to. */
export interface SampleCheck {
  readonly name: 'signed' | 'tampered' | 'stale' | 'wrong secret' | 'missing signature' | 'rotated secret' | 'events';
  /** What was got instead, one line each; none where it holds. */
  readonly faults: readonly string[];
}

/** A token without `max_age_seconds` is stale when it has expired: the signer gives it 300 s, the check 60 s more. */
const tokenLifeSeconds = 360;

/**
 * Hold a sample to all that its definition promises: signed it is verified; tampered, stale, unsigned or
 * signed by somebody else it is rejected; and its events are the expected ones.
 */
export async function checkSample(
  definition: Definition,
  sample: Sample,
  nowMs: number,
): Promise<readonly SampleCheck[]> {
  const webhook = prepareWebhook(definition);
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
  const verified: SampleCheck = { name: 'signed', faults: expectVerified('signed', reception) };
  const events: SampleCheck = {
    name: 'events',
    faults: handshake === undefined ? await eventFaults(definition, sample, signed, nowMs) : handshakeFaults(sample),
  };
  const isOpen = definition.webhook.handshakes.some(({ name, verify }) => name === handshake && verify === 'none');
  if (isOpen || verified.faults.length > 0) return [verified, events];

  const checks = checksOf(definition, sample.request, definition.webhook.verify);
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
  const bounds = boundsOf(checks);
  const stale = [
    ...(bounds === undefined
      ? []
      : expectRejected(`${bounds.ageSeconds} s old`, receive(sign(keys, nowMs - bounds.ageSeconds * 1000)))),
    ...(bounds?.aheadSeconds === undefined
      ? []
      : expectRejected(`${bounds.aheadSeconds} s ahead`, receive(sign(keys, nowMs + bounds.aheadSeconds * 1000)))),
  ];
  return [
    verified,
    { name: 'tampered', faults: tampered },
    ...(bounds === undefined ? [] : [{ name: 'stale', faults: stale } as const]),
    { name: 'wrong secret', faults: wrong },
    { name: 'missing signature', faults: unsigned },
    { name: 'rotated secret', faults: rotationFaults(definition, keys, sign, receive) },
    events,
  ];
}

/** While a secret rotates, the new one and the old one are valid. */
function rotationFaults(
  definition: Definition,
  old: Required<SigningKeys>,
  sign: (keys: SigningKeys) => WebhookRequest,
  receive: (request: WebhookRequest, secrets: SecretValues) => Reception,
): readonly string[] {
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

async function eventFaults(
  definition: Definition,
  { expected }: Sample,
  signed: WebhookRequest,
  nowMs: number,
): Promise<readonly string[]> {
  const mapped = await mapRequestOffline(definition, signed, nowMs);
  if (mapped.kind === 'failed') return [mapped.reason];
  if (expected === undefined) return ['has no expected events'];
  return differences(expected, mapped.events.map(comparableEvent));
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
  return [
    `${what}: expected verified, got rejected: ${verdict.reason}${verdict.detail === undefined ? '' : ` (${verdict.detail})`}`,
  ];
}

function expectRejected(what: string, reception: Reception): readonly string[] {
  const verdict = reception.kind === 'malformed' ? reception.verdict : reception;
  return verdict.kind === 'rejected' ? [] : [`${what}: expected rejected, got ${verdict.kind}`];
}

function mapEntries<T, U>(record: Readonly<Record<string, T>>, map: (name: string, value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(name, value)]));
}
