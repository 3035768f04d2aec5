import { z } from 'zod';
import { operation } from '../operation.ts';
import { replay } from '../replay-schema.ts';
import { emptyBody, instant, listQuery, pageOf, tenantName, tooManyWaiting } from '../shared-schema.ts';
import { count, delivery, ofSubscription } from './delivery-operations.ts';

const replayBody = z
  .strictObject({
    mode: z
      .enum(['all', 'failed', 'missing'])
      .optional()
      .describe('All that it wants; what was tried in vain or cancelled; what was never delivered.'),
    tenant: tenantName.optional().describe('Whose events, where the subscription is of all tenants.'),
    since: instant.optional(),
    until: instant.optional(),
    event: z.string().min(1).max(128).optional().describe('One event, alone.'),
    rate_per_second: z.number().min(1).max(1000).optional(),
    dry_run: z.boolean().default(false).describe('Count, and send nothing.'),
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

const replayExample = {
  id: 'rpl_0123456789abcdef',
  subscription_id: 'sub_acme',
  tenant: 'acme',
  mode: 'missing',
  state: 'running',
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

/** What a subscription is sent again. */
export const replayOperations = {
  startReplay: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/replay',
    tag: 'Replays',
    summary: 'Send a subscription its past, or one event, again; or count what that would be',
    access: 'subscriptions:write',
    body: replayBody,
    answers: {
      202: {
        description: 'The replay that runs; or the delivery, where one event was named.',
        body: z.union([replay, delivery]),
      },
      200: { description: 'With `dry_run`: how many.', body: count },
    },
    problems: { 409: 'The subscription is disabled.', 429: `With \`dry_run\`: ${tooManyWaiting}` },
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
    summary: "List a subscription's replays, newest first",
    access: 'subscriptions:read',
    query: listQuery,
    answers: { 200: { description: 'A page.', body: pageOf(replay) } },
    example: { params: ofSubscription, answer: { data: [replayExample], next_cursor: null } },
  }),
  getReplay: operation({
    method: 'GET',
    path: '/v1/subscriptions/{id}/replays/{replay}',
    tag: 'Replays',
    summary: 'Read how far a replay is',
    access: 'subscriptions:read',
    answers: { 200: { description: 'The replay.', body: replay } },
    example: { params: ofReplay, answer: replayExample },
  }),
  cancelReplay: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/replays/{replay}/cancel',
    tag: 'Replays',
    summary: 'Stop a replay',
    description: 'One that has ended stays as it is.',
    access: 'subscriptions:write',
    body: emptyBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'The replay as it is now.', body: replay } },
    example: {
      params: ofReplay,
      answer: { ...replayExample, state: 'cancelled', ended_at: '2026-11-27T12:01:00.000Z' },
    },
  }),
} as const;
