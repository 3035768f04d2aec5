import { createHmac } from 'node:crypto';
import { canary } from '../../contracts/canary.ts';
import {
  type CanaryFault,
  type HeartbeatDelivery,
  type HeartbeatEvent,
  judgeHeartbeats,
  sightingMs,
} from '../../engine/canary/judge-heartbeats.ts';
import type { CanaryPorts } from './canary-ports.ts';
import { CanaryCallFailed, type CanarySetup, callApi, prepareCanary } from './prepare-canary.ts';

export type CanaryOutcome =
  | { readonly kind: 'healthy'; readonly latencyMs: number }
  | { readonly kind: 'failing'; readonly faults: readonly (CanaryFault | 'push-refused')[] }
  | { readonly kind: 'too-early' };

/** Kept by a function instance. */
export interface CanaryMemory {
  setup?: CanarySetup | undefined;
}

/** Read back the last runs' events by the feed and by their callbacks, then send the next webhook. */
export async function runCanary(ports: CanaryPorts, memory: CanaryMemory, url: string): Promise<CanaryOutcome> {
  let isPrepared = memory.setup === undefined;
  memory.setup ??= await prepareCanary(ports, url);
  let verdict: CanaryOutcome;
  try {
    verdict = await judge(ports, memory.setup);
  } catch (error) {
    // Another instance has made a key of its own.
    if (!(error instanceof CanaryCallFailed) || error.status !== 401) throw error;
    memory.setup = await prepareCanary(ports, url);
    isPrepared = true;
    verdict = await judge(ports, memory.setup);
  }
  // The account may be a new one with another secret, so no remembered one will do.
  const isAccepted = await push(ports, memory.setup, isPrepared ? 0 : accountMaxAgeMs);
  if (isAccepted) return verdict;
  // It may have been deleted or changed since.
  memory.setup = undefined;
  return { kind: 'failing', faults: [...(verdict.kind === 'failing' ? verdict.faults : []), 'push-refused'] };
}

async function judge(ports: CanaryPorts, { key, subscription, sinceMs }: CanarySetup): Promise<CanaryOutcome> {
  const nowMs = ports.clock.nowMs();
  const since = new Date(nowMs - sightingMs).toISOString();
  const [feed, deliveries] = await Promise.all([
    callApi<{ readonly data: readonly HeartbeatEvent[] }>(
      ports,
      key,
      'GET',
      `/v1/events?account=${canary.account}&since=${encodeURIComponent(since)}&limit=100`,
    ),
    callApi<{ readonly data: readonly HeartbeatDelivery[] }>(
      ports,
      key,
      'GET',
      `/v1/subscriptions/${subscription}/deliveries?limit=50`,
    ),
  ]);
  return judgeHeartbeats({ nowMs, sinceMs, events: feed?.data ?? [], deliveries: deliveries?.data ?? [] });
}

/** How old the canary's account may be in the cache between preparations: its secret does not change. */
const accountMaxAgeMs = 3_600_000;

/** @returns Whether the webhook was accepted. */
async function push(
  { http, accounts, clock }: CanaryPorts,
  { webhookUrl }: CanarySetup,
  maxAgeMs: number,
): Promise<boolean> {
  const account = await accounts.get(canary.account, maxAgeMs);
  const [secret = ''] = [account?.secrets['signing_secret'] ?? ''].flat();
  const nowMs = clock.nowMs();
  const body = JSON.stringify({ heartbeat: { id: 'push', at: new Date(nowMs).toISOString() } });
  const timestamp = String(Math.floor(nowMs / 1_000));
  const { status } = await http.call({
    method: 'POST',
    url: webhookUrl,
    headers: {
      'content-type': 'application/json',
      'x-canary-timestamp': timestamp,
      'x-canary-signature': createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex'),
    },
    body,
  });
  return status >= 200 && status < 300;
}
