import { timingSafeEqual } from 'node:crypto';
import { canary } from '../../contracts/canary.ts';
import { currentSecrets } from '../../engine/signing/rotating-secrets.ts';
import { signCallback } from '../../engine/signing/standard-webhooks.ts';
import type { CanaryPorts } from './canary-ports.ts';

export interface CanaryRequest {
  readonly method: string;
  readonly path: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

export interface CanaryAnswer {
  readonly status: number;
  readonly body?: object;
}

/** The provider has news at each quarter of an hour. */
const newsEveryMs = 15 * 60_000;
const maxSkewSeconds = 300;
const callbackPath = /^\/callbacks\/(sub_[A-Za-z0-9]{1,64})$/;

/** Answer as the canary's provider, whose API is polled, and as its subscriber. */
export async function answerCanary(ports: CanaryPorts, request: CanaryRequest): Promise<CanaryAnswer> {
  const { method, path, headers } = request;
  const [, subscription] = callbackPath.exec(path) ?? [];
  if (method === 'POST' && subscription !== undefined)
    return { status: (await isSigned(ports, subscription, request)) ? 204 : 401 };
  if (method !== 'GET' || !/^\/heartbeats(\/poll)?$/.test(path)) return { status: 404 };
  if ((headers['x-canary-key'] ?? '') === '') return { status: 401 };
  const heartbeat = { id: 'poll', at: new Date(slotOf(ports.clock.nowMs())).toISOString() };
  return { status: 200, body: path === '/heartbeats' ? { heartbeats: [heartbeat] } : { heartbeat } };
}

function slotOf(nowMs: number): number {
  return Math.floor(nowMs / newsEveryMs) * newsEveryMs;
}

/** Whether a callback is the engine's: with a signature of its subscription, and not an old one. */
async function isSigned(
  { subscriptions, clock }: CanaryPorts,
  id: string,
  { headers, body }: CanaryRequest,
): Promise<boolean> {
  const {
    'webhook-id': messageId = '',
    'webhook-timestamp': timestamp = '',
    'webhook-signature': signatures = '',
  } = headers;
  const ageSeconds = clock.nowMs() / 1_000 - Number(timestamp);
  if (!(Math.abs(ageSeconds) <= maxSkewSeconds)) return false;
  const [subscription] = await subscriptions.getMany([{ scope: canary.tenant, id }]);
  const secrets = currentSecrets(subscription?.secrets ?? [], clock.nowMs());
  if (secrets.length === 0) return false;
  const expected = signCallback(secrets, messageId, Number(timestamp), body)['webhook-signature'].split(' ');
  const given = signatures.split(' ').map((text) => Buffer.from(text));
  return expected
    .map((text) => Buffer.from(text))
    .some((own) => given.some((other) => other.length === own.length && timingSafeEqual(other, own)));
}
