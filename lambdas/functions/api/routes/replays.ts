import { z } from 'zod';
import { prepareSubscription } from '../../../flows/attempt-delivery.ts';
import { deliveryOf } from '../../../flows/follow-ordered-feed.ts';
import { attemptNow } from '../../../flows/manage-delivery.ts';
import {
  cancelReplay,
  countReplay,
  type ReplayCount,
  replayRateOf,
  startReplay,
} from '../../../flows/replay-events.ts';
import type { Replay } from '../../../ports/replay-store.ts';
import {
  type ApiAnswer,
  type ApiRoute,
  decodeCursor,
  encodeCursor,
  listQuery,
  readBody,
  readQuery,
  tenantName,
} from '../api-call.ts';
import type { ApiPorts } from '../api-ports.ts';
import { findEventFor, findSubscription, mustBeEnabled, namedTenant } from '../ownership.ts';
import { notFound } from '../principal.ts';
import { deliveryView } from './delivery-view.ts';

const instant = z.iso
  .datetime({ offset: true, error: 'expected an ISO 8601 time such as 2026-11-21T12:00:00Z' })
  .transform((text) => Date.parse(text));

const replayBody = z
  .strictObject({
    mode: z.enum(['all', 'failed', 'missing']).optional(),
    tenant: tenantName.optional(),
    since: instant.optional(),
    until: instant.optional(),
    event: z.string().min(1).max(128).optional(),
    rate_per_second: z.number().min(1).max(1000).optional(),
    dry_run: z.boolean().default(false),
  })
  .superRefine(({ event, mode, since, until, ...rest }, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (event === undefined && mode === undefined) fault('mode', 'expected all, failed or missing; or an event');
    if (since !== undefined && until !== undefined && since >= until) fault('until', 'expected a time after since');
    if (event === undefined) return;
    const others = Object.entries({ mode, tenant: rest.tenant, since, until, rate_per_second: rest.rate_per_second });
    for (const [name, value] of others)
      if (value !== undefined) fault(name, 'an event is sent again alone: expected no other choice beside it');
  })
  .transform(({ event, mode = 'missing', ...rest }) => ({
    isDryRun: rest.dry_run,
    what: event === undefined ? ({ kind: 'window', mode, ...rest } as const) : ({ kind: 'event', event } as const),
  }));

const replayCursor = z.object({ replay: z.string().min(1).max(128) });

export function replayView(replay: Replay) {
  const { id, subscription, tenant, mode, state, ratePerSecond, scanned, replayed, createdAt, endedAt } = replay;
  const { afterSequence, upToSequence, position } = replay;
  return {
    id,
    subscription_id: subscription,
    tenant,
    mode,
    state,
    rate_per_second: ratePerSecond,
    scanned,
    replayed,
    after_sequence: afterSequence,
    up_to_sequence: upToSequence,
    position,
    created_at: createdAt,
    ended_at: endedAt ?? null,
  };
}

function counted({ scanned, matched, isComplete }: ReplayCount): ApiAnswer {
  return { status: 200, body: { dry_run: true, scanned, matched, is_complete: isComplete } };
}

/** What a subscription was sent, or should have been, sent again. */
export function replayRoutes(ports: ApiPorts): readonly ApiRoute[] {
  return [
    {
      method: 'POST',
      path: '/v1/subscriptions/{id}/replay',
      async handle(call) {
        const { isDryRun, what } = readBody(call, replayBody);
        const subscription = await findSubscription(ports, call);
        if (!isDryRun) mustBeEnabled(subscription);
        if (what.kind === 'event') {
          const row = await findEventFor(ports, call, subscription, what.event);
          if (isDryRun) return counted({ scanned: 1, matched: 1, isComplete: true });
          const delivery = await attemptNow(ports, subscription, deliveryOf(subscription, row));
          return { status: 202, body: deliveryView(delivery) };
        }
        const request = {
          tenant: namedTenant(subscription, what.tenant),
          mode: what.mode,
          sinceMs: what.since,
          untilMs: what.until,
          ratePerSecond: what.rate_per_second ?? replayRateOf(subscription),
        };
        if (isDryRun) return counted(await countReplay(ports, prepareSubscription(subscription), request));
        return { status: 202, body: replayView(await startReplay(ports, subscription, request)) };
      },
    },
    {
      method: 'GET',
      path: '/v1/subscriptions/{id}/replays',
      async handle(call) {
        const { limit, cursor } = readQuery(call, listQuery);
        const { id } = await findSubscription(ports, call);
        const page = await ports.replays.list(id, limit, decodeCursor(cursor, replayCursor)?.replay);
        const next = page.next === undefined ? null : encodeCursor({ replay: page.next });
        return { status: 200, body: { data: page.items.map(replayView), next_cursor: next } };
      },
    },
    {
      method: 'GET',
      path: '/v1/subscriptions/{id}/replays/{replay}',
      async handle(call) {
        const { id } = await findSubscription(ports, call);
        const replay = await ports.replays.find(id, call.params['replay'] ?? '');
        if (replay === undefined) throw notFound('replay');
        return { status: 200, body: replayView(replay) };
      },
    },
    {
      method: 'POST',
      path: '/v1/subscriptions/{id}/replays/{replay}/cancel',
      async handle(call) {
        const { id } = await findSubscription(ports, call);
        // One that has ended stays as it is: to cancel it twice is no mistake.
        const replay = await cancelReplay(ports, id, call.params['replay'] ?? '');
        if (replay === undefined) throw notFound('replay');
        return { status: 200, body: replayView(replay) };
      },
    },
  ];
}
