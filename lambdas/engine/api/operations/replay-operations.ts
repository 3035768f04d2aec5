import { z } from 'zod';
import { operation } from '../operation.ts';
import { replay } from '../replay-schema.ts';
import { deliveryPull, emptyBody, instant, listQuery, pageOf, tenantName, tooManyWaiting } from '../shared-schema.ts';
import { count, delivery, ofSubscription } from './delivery-operations.ts';

const replayBody = z
  .strictObject({
    mode: z
      .enum(['all', 'failed', 'missing'])
      .optional()
      .describe(
        '`all`: every event that the subscription wants. `failed`: exhausted and cancelled deliveries. `missing`: events that were never delivered.',
      ),
    tenant: tenantName.optional().describe('The tenant whose events to send, if the subscription serves all tenants.'),
    since: instant.optional(),
    until: instant.optional(),
    event: z.string().min(1).max(128).optional().describe('Id of a single event to send, instead of a window.'),
    rate_per_second: z.number().min(1).max(1000).optional(),
    dry_run: z.boolean().default(false).describe('Only count the events, and send nothing.'),
  })
  .superRefine(({ event, mode, since, until, ...rest }, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (event === undefined && mode === undefined)
      fault('mode', 'expected all, failed or missing, or an `event` instead');
    if (since !== undefined && until !== undefined && since >= until) fault('until', 'expected a time after since');
    if (event === undefined) return;
    const others = Object.entries({ mode, tenant: rest.tenant, since, until, rate_per_second: rest.rate_per_second });
    for (const [name, value] of others)
      if (value !== undefined) fault(name, 'expected no other selection next to `event`');
  })
  .transform(({ event, mode = 'missing', ...rest }) => ({
    isDryRun: rest.dry_run,
    what: event === undefined ? ({ kind: 'window', mode, ...rest } as const) : ({ kind: 'event', event } as const),
  }));

const replayExample = {
  id: 'rpl_0123456789abcdef',
  subscription_id: 'sub_acme',
  tenant: 'acme',
  mode: 'missing',
  state: 'running',
  cancelled_by: null,
  rate_per_second: 50,
  scanned: 0,
  replayed: 0,
  after_sequence: 0,
  up_to_sequence: 4211,
  position: 0,
  created_at: '2026-11-27T12:00:00.000Z',
  ended_at: null,
};

const ofReplay = { id: 'sub_acme', replay: replayExample.id };

/** Replays of past events to a subscription. */
export const replayOperations = {
  startReplay: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/replay',
    tag: 'Replays',
    summary: 'Replay past events, or one event, to a subscription',
    access: 'subscriptions:write',
    body: replayBody,
    answers: {
      202: {
        description: 'The running replay, or the delivery if the request named one event.',
        body: z.union([replay, delivery]),
      },
      200: { description: 'With `dry_run`: the number of events that a replay would send.', body: count },
    },
    problems: {
      409: `The subscription is disabled, or ${deliveryPull}`,
      429: `${tooManyWaiting} Only a \`dry_run\` is such a call.`,
    },
    example: {
      params: ofSubscription,
      body: { mode: 'missing', dry_run: true },
      answer: { dry_run: true, scanned: 8120, matched: 412, is_complete: true },
    },
  }),
  listReplays: operation({
    method: 'GET',
    path: '/v1/subscriptions/{id}/replays',
    tag: 'Replays',
    summary: 'List the replays of a subscription, newest first',
    access: 'subscriptions:read',
    query: listQuery,
    answers: { 200: { description: 'A page of replays.', body: pageOf(replay) } },
    example: { params: ofSubscription, answer: { data: [replayExample], next_cursor: null } },
  }),
  getReplay: operation({
    method: 'GET',
    path: '/v1/subscriptions/{id}/replays/{replay}',
    tag: 'Replays',
    summary: 'Get a replay and its progress',
    access: 'subscriptions:read',
    answers: { 200: { description: 'The replay.', body: replay } },
    example: { params: ofReplay, answer: replayExample },
  }),
  cancelReplay: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/replays/{replay}/cancel',
    tag: 'Replays',
    summary: 'Cancel a replay',
    description: 'A replay that has ended does not change.',
    access: 'subscriptions:write',
    body: emptyBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'The replay after the call.', body: replay } },
    example: {
      params: ofReplay,
      answer: { ...replayExample, state: 'cancelled', cancelled_by: 'caller', ended_at: '2026-11-27T12:01:00.000Z' },
    },
  }),
} as const;
