import { Webhook } from 'standardwebhooks';
import { limits } from '../../lambdas/contracts/limits.ts';
import { shardOf } from '../../lambdas/contracts/shards.ts';
import { keptMs } from '../../lambdas/engine/delivery/kept-lease.ts';
import { statusOf } from '../../lambdas/engine/sync/sync-state.ts';
import type { Ending } from './ending.ts';
import type { FaultEngine, Row } from './fault-engine.ts';
import type { ExpectedEvent, FaultRun, TestSubscriber } from './fault-run.ts';
import { outcomeFaults } from './outcome-sums.ts';
import type { Post } from './subscribers.ts';
import { readResources } from './test-provider.ts';

/**
 * The violations of "What must always hold" (DESIGN.md) after a run. Each is a sentence that begins with the number of
 * its invariant.
 */
export async function violations(fault: FaultEngine, ending: Ending): Promise<readonly string[]> {
  const { run, depth } = ending;
  const feed = await readFeed(fault, run);
  const found = [
    ...feedFaults(run, feed),
    ...convergenceFaults(run, feed),
    ...(depth.dead === 0 ? [] : [`9: ${depth.dead} messages on dead-letter queues`]),
    ...outcomeFaults(ending, feed),
    ...run.provider.excesses(),
    ...(await readFaults(fault, run)),
    ...(await syncFaults(fault, run)),
  ];
  await run.readOn();
  if (idsOf(run.read).join() !== idsOf(feed).join())
    found.push(`8: a reader that followed the feed saw ${idsOf(run.read).length} events, not the ${feed.length}`);
  for (const event of feed) {
    const { status, body } = await fault.call('GET', `/v1/events/${String(event['id'])}`);
    if (status !== 200 || JSON.stringify(body) !== JSON.stringify(event))
      found.push(`2: GET /v1/events/${String(event['id'])} differs from the feed (${status})`);
  }
  for (const subscriber of run.subscribers) {
    found.push(...postFaults(subscriber, feed, ending, fault.engine.now()));
    found.push(...(await stateFaults(fault, run, subscriber, feed)));
  }
  return found;
}

async function readFeed(fault: FaultEngine, run: FaultRun): Promise<readonly Row[]> {
  const events: Row[] = [];
  let cursor = '';
  let waited = false;
  for (let caughtUp = false; !caughtUp; ) {
    const { status, body } = await fault.call(
      'GET',
      `/v1/events?tenant=${run.tenant}&limit=50${run.typesQuery()}${cursor}`,
    );
    if (status !== 200) throw new Error(`the feed was answered with ${status}`);
    events.push(...body.data);
    caughtUp = body.caught_up;
    const next = `&cursor=${body.next_cursor}`;
    if (!caughtUp && next === cursor) {
      // A writer took a number and never wrote it: the feed waits before it until the gap grace period ends.
      if (waited) throw new Error('8: the feed stops before its end');
      waited = true;
      await fault.letTimePass(limits.sequenceHoleLifetimeMs);
    }
    cursor = next;
  }
  return events;
}

const idsOf = (events: readonly Row[]) => events.map(({ id }) => String(id));
const keyOf = ({ account, resource, recordId }: ExpectedEvent) => `${account} ${resource} ${recordId}`;
const keyOfRow = (event: Row) =>
  `${String(event['account'])} ${String(event['resource'])} ${String(event['record_id'])}`;

/** Invariants 1, 2, 3 and 8, as seen in the feed. */
function feedFaults(run: FaultRun, feed: readonly Row[]): readonly string[] {
  const found: string[] = [];
  const shown = feed.map(keyOfRow);
  for (const one of run.expected) {
    const expected = keyOf(one);
    const times = shown.filter((key) => key === expected).length;
    if (times < (one.types?.length ?? one.atLeast ?? 1)) found.push(`1: acknowledged and not in the feed: ${expected}`);
    if (times > (one.types?.length ?? one.atMost ?? 1))
      found.push(`2: ${times} events in the feed for one input: ${expected}`);
  }
  const wanted = new Set(run.expected.map(keyOf));
  for (const key of shown) if (!wanted.has(key)) found.push(`9: in the feed and never sent: ${key}`);
  const sequences = feed.map(({ sequence }) => Number(sequence));
  if (sequences.some((sequence, index) => index > 0 && sequence <= (sequences[index - 1] as number)))
    found.push(`8: the feed is not in order: ${sequences.join(' ')}`);
  if (feed.some(({ tenant }) => tenant !== run.tenant)) found.push("3: another tenant's event is in the feed");
  return found;
}

/** Invariant 4: no record goes back in time, and its last event holds the provider's state. */
function convergenceFaults(run: FaultRun, feed: readonly Row[]): readonly string[] {
  const found: string[] = [];
  for (const [key, events] of Map.groupBy(feed, keyOfRow)) {
    const times = events.flatMap(({ occurred_at: at }) => (typeof at === 'string' ? at : []));
    if (times.join() !== times.toSorted().join()) found.push(`4: ${key} goes back in time: ${times.join(' ')}`);
    const created = events.findLastIndex(({ type }) => type === 'record:created');
    if (created > 0) found.push(`4: ${key} is created after other events`);
    const { title, types } = run.expected.find((one) => keyOf(one) === key) ?? {};
    const told = events.map(({ type }) => String(type)).join(' ');
    if (types !== undefined && told !== types.join(' '))
      found.push(`4: ${key} is told as "${told}", expected "${types.join(' ')}"`);
    const data = events.at(-1)?.['data'] as { readonly title?: string; readonly name?: string } | undefined;
    const last = data?.title ?? data?.name;
    if (title !== undefined && title !== last) found.push(`4: ${key} ends as "${last}", expected "${title}"`);
  }
  return found;
}

/** Longer than the lease of a call, and than the windows of the limits that count by the minute. */
const budgetMs = 3 * 60_000;

/** Invariants 7 and 9 of accounts that call their provider: no read is left, and every budget recovers. */
async function readFaults(fault: FaultEngine, run: FaultRun): Promise<readonly string[]> {
  const found: string[] = [];
  const accounts = run.accounts.filter(({ integration }) => readResources[integration] !== undefined);
  if (accounts.length > 0) await fault.letTimePass(budgetMs);
  for (const account of accounts) {
    const left = await run.readsOf(account);
    if (left.length > 0) found.push(`9: ${left.length} reads of ${account.id} are left waiting`);
    const { status, body } = await fault.call('GET', `/v1/accounts/${account.id}/limits`);
    if (status !== 200) throw new Error(`the limits were answered with ${status}`);
    if (body.in_flight !== 0) found.push(`7: ${body.in_flight} calls of ${account.id} never ended`);
    for (const { name, remaining, maximum, per_seconds: seconds } of body.limits)
      if ((seconds ?? 0) <= 60 && remaining !== maximum)
        found.push(`7: the limit "${name}" of ${account.id} has ${remaining} of ${maximum} calls after its window`);
  }
  return found;
}

/** Invariants 5 and 9 of syncs: none is held, waits for nobody, or has a run without an end. */
async function syncFaults(fault: FaultEngine, run: FaultRun): Promise<readonly string[]> {
  const found: string[] = [];
  for (const account of run.accounts.filter(({ integration }) => readResources[integration] !== undefined))
    for (const { sync, lease, dueAtMs, state } of await run.syncsOf(account)) {
      const nowMs = fault.engine.now();
      const status = statusOf(state, nowMs);
      if (status !== 'idle' || state.failures > 0)
        found.push(`9: ${sync} is ${status} after ${state.failures} failures: ${state.stop?.reason}`);
      if (lease !== undefined) found.push(`9: ${sync} is held until ${new Date(lease.untilMs).toISOString()}`);
      if (dueAtMs === undefined || dueAtMs <= nowMs) found.push(`9: ${sync} is due at ${dueAtMs}, before ${nowMs}`);
      if (state.lastRun?.outcome !== 'succeeded')
        found.push(`5: the last run of ${sync} is ${state.lastRun?.outcome}: ${state.lastRun?.reason}`);
    }
  return found;
}

/** Invariants 2 and 3, as seen by a subscriber. */
function postFaults(
  { posts, secrets, id }: TestSubscriber,
  feed: readonly Row[],
  { hasFault, sendsAgain }: Ending,
  nowMs: number,
): readonly string[] {
  const found: string[] = [];
  const byId = Map.groupBy(posts, ({ headers }) => String(headers['webhook-id']));
  for (const event of feed) {
    const got = byId.get(String(event['id'])) ?? [];
    if (got.length === 0) found.push(`2: ${id} never got ${keyOfRow(event)}`);
    if (got.length > 1 && !hasFault && !sendsAgain)
      found.push(`2: ${id} got ${keyOfRow(event)} ${got.length} times although nothing failed`);
    if (got.some(({ body }) => body !== JSON.stringify(event)))
      found.push(`2: ${id} got ${keyOfRow(event)} with a body that differs from the feed`);
  }
  const known = new Set(idsOf(feed));
  for (const other of byId.keys())
    if (!known.has(other)) found.push(`3: ${id} got ${other}, which is not in its tenant's feed`);
  for (const [index, post] of posts.entries()) {
    const isWrong = secrets.some(({ secret, fromPost }) => index >= fromPost && !verifies(secret, post, nowMs));
    if (isWrong) found.push(`2: post ${index + 1} to ${id} does not verify`);
  }
  return found;
}

/** Verify as any Standard Webhooks library does, but at the engine's time, which runs ahead of the real clock. */
function verifies(secret: string, { headers, body }: Post, nowMs: number): boolean {
  const id = String(headers['webhook-id']);
  const timestamp = Number(headers['webhook-timestamp']);
  if (!(timestamp > 0 && timestamp * 1000 <= nowMs + 1_000)) return false;
  const [, expected] = new Webhook(secret).sign(id, new Date(timestamp * 1000), body).split(',');
  return String(headers['webhook-signature'])
    .split(' ')
    .some((signature) => signature === `v1,${expected}`);
}

/** A killed run may have left a stale pointer, which dispatch removes when it becomes due. */
async function isLeftInDueIndex(fault: FaultEngine, subscription: string, event: string): Promise<boolean> {
  const dueAtMs = async () =>
    (await fault.partition('deliveriesTable', 'subscription', `due#${shardOf(event)}`))
      .filter(({ of }) => of === subscription)
      .map(({ delivery }) => Number(String(delivery).split('#', 1)[0]));
  const left = await dueAtMs();
  if (left.length === 0) return false;
  await fault.letTimePass(Math.max(0, ...left.map((atMs) => atMs - fault.engine.now())));
  await fault.untilIdle();
  return (await dueAtMs()).length > 0;
}

/** The final state of the tables: every delivery is delivered, and nothing points to work. */
async function stateFaults(
  fault: FaultEngine,
  run: FaultRun,
  subscriber: TestSubscriber,
  feed: readonly Row[],
): Promise<readonly string[]> {
  const found: string[] = [];
  const { id } = subscriber;
  const rows = await run.deliveriesOf(subscriber);
  const stateById = new Map(rows.map((row) => [String(row['event']), row]));
  for (const event of feed) {
    const row = stateById.get(String(event['id']));
    if (row?.['state'] !== 'delivered')
      found.push(
        `9: the delivery of ${keyOfRow(event)} to ${id} is ${JSON.stringify(row?.['state'] ?? 'not recorded')}`,
      );
    else if (row['waitsIn'] !== undefined)
      found.push(`9: a delivered event waits in ${JSON.stringify(row['waitsIn'])}`);
    if (row !== undefined && row['sequence'] !== event['sequence'])
      found.push(`8: the delivery of ${keyOfRow(event)} has a sequence that differs from the feed`);
    const claim = await fault.item('idempotencyTable', { id: { S: String(event['id']) } });
    if (claim?.['sequence'] !== event['sequence'])
      found.push(`2: the claim of ${keyOfRow(event)} points to a place that differs from the feed`);
    if (await isLeftInDueIndex(fault, id, String(event['id'])))
      found.push(`9: ${keyOfRow(event)} is left in the due index after its time`);
  }
  if (rows.length > feed.length) found.push(`3: ${id} has deliveries of events that are not in the feed`);
  const backlog = await run.backlogOf(subscriber);
  if (backlog.length > 0) found.push(`9: ${backlog.length} entries are left in the backlog of ${id}`);
  const endpoint = await run.endpointOf(subscriber);
  if (endpoint?.['hasBacklog'] === true) found.push(`12: the endpoint of ${id} says that it has a backlog`);
  if (endpoint?.['circuit'] === 'open') found.push(`12: the circuit of ${id} is open`);
  const leases = Object.values((endpoint?.['leases'] ?? {}) as Record<string, { readonly untilMs: number }>);
  // An instance keeps the lease of a fast endpoint for some seconds.
  const untilMost = fault.engine.now() + keptMs;
  if (leases.some(({ untilMs }) => untilMs > untilMost)) found.push(`12: a lease on ${id} is still held`);
  return found;
}
