import type { replayOperations } from '../../../engine/api/operations/replay-operations.ts';
import { prepareSubscription } from '../../../flows/deliver/attempt/prepare-subscription.ts';
import { deliveryOf } from '../../../flows/deliver/drain/follow-ordered-feed.ts';
import { countReplay } from '../../../flows/subscriptions/count-replay.ts';
import { attemptNow } from '../../../flows/subscriptions/manage-delivery.ts';
import { cancelReplay, replayRateOf, startReplay } from '../../../flows/subscriptions/replay-events.ts';
import type { ApiPorts } from '../api-ports.ts';
import type { ApiAnswer, ApiCall, Handlers } from '../pipeline/api-call.ts';
import { findEventFor, findSubscription, mustBeEnabled, mustBePushed, namedTenant } from '../pipeline/ownership.ts';
import { notFound } from '../pipeline/principal.ts';
import { whileCounted } from '../pipeline/waiting.ts';
import { changed, deliveryView, stateOf } from '../views/delivery-view.ts';
import { replayView } from '../views/replay-view.ts';

async function handleStartReplay(ports: ApiPorts, call: ApiCall<'startReplay'>): Promise<ApiAnswer<'startReplay'>> {
  const { isDryRun, what } = call.body;
  const subscription = await findSubscription(ports, call);
  if (!isDryRun) mustBeEnabled(subscription);
  if (what.kind === 'event') {
    const row = await findEventFor(ports, call, subscription, what.event);
    if (isDryRun) return { status: 200, body: { dry_run: true, scanned: 1, matched: 1, is_complete: true } };
    await mustBePushed(ports, row.tenant);
    const view = deliveryView(await attemptNow(ports, subscription, deliveryOf(subscription, row)));
    return {
      status: 202,
      body: view,
      change: changed(`deliveries/${view.id}`, subscription.tenant, stateOf(view)),
    };
  }
  const request = {
    tenant: namedTenant(subscription, what.tenant),
    mode: what.mode,
    sinceMs: what.since,
    untilMs: what.until,
    ratePerSecond: what.rate_per_second ?? replayRateOf(subscription),
  };
  if (isDryRun) {
    const count = await whileCounted(ports, call.principal, () =>
      countReplay(ports, prepareSubscription(subscription), request),
    );
    const { scanned, matched, isComplete } = count;
    return { status: 200, body: { dry_run: true, scanned, matched, is_complete: isComplete } };
  }
  await mustBePushed(ports, request.tenant);
  const view = replayView(await startReplay(ports, subscription, request));
  return { status: 202, body: view, change: changed(replayName(view), subscription.tenant, view) };
}

/** Replays: events that a subscription receives again. */
export function replayHandlers(ports: ApiPorts): Handlers<keyof typeof replayOperations> {
  return {
    startReplay: async (call) => handleStartReplay(ports, call),
    async listReplays(call) {
      const { id } = await findSubscription(ports, call);
      const page = await ports.replays.list(id, call.query.limit, await call.cursors.after());
      return {
        status: 200,
        body: { data: page.items.map(replayView), next_cursor: await call.cursors.next(page.next) },
      };
    },
    async getReplay(call) {
      const { id } = await findSubscription(ports, call);
      const replay = await ports.replays.find(id, call.params['replay'] ?? '');
      if (replay === undefined) throw notFound('replay');
      return { status: 200, body: replayView(replay) };
    },
    async cancelReplay(call) {
      const { id, tenant } = await findSubscription(ports, call);
      // A replay that has ended stays unchanged, so a repeated cancel succeeds.
      const replay = await cancelReplay(ports, id, call.params['replay'] ?? '');
      if (replay === undefined) throw notFound('replay');
      const view = replayView(replay);
      return { status: 200, body: view, change: changed(replayName(view), tenant, view) };
    },
  };
}

const replayName = ({ id, subscription_id }: ReturnType<typeof replayView>) =>
  `subscriptions/${subscription_id}/replays/${id}`;
