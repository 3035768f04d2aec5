import type { eventOperations } from '../../../engine/api/operations/event-operations.ts';
import type { FeedStart } from '../../../engine/feed/feed-start.ts';
import { traceBeganAtMs } from '../../../engine/trace/trace-ids.ts';
import { findEvent } from '../../../flows/feed/read-event.ts';
import { waitForFeed } from '../../../flows/feed/read-feed.ts';
import { startingPosition } from '../../../flows/feed/starting-position.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import type { ApiAnswer, ApiCall, Handlers } from '../pipeline/api-call.ts';
import { mustBePulled } from '../pipeline/ownership.ts';
import { mayAccess, notFound, oneTenant } from '../pipeline/principal.ts';
import { mayWait, waitHeaders } from '../pipeline/waiting.ts';
import { inVersions, mustBeServed } from './pins.ts';

/** Nothing that a webhook or a run brought is older than its id. */
function startOf(correlationId: string | undefined, nowMs: number): FeedStart {
  const timeMs = correlationId === undefined ? undefined : traceBeganAtMs(correlationId, nowMs);
  return timeMs === undefined ? { kind: 'beginning' } : { kind: 'time', timeMs };
}

async function handleReadFeed(
  ports: ApiPorts,
  { query, principal, cursors }: ApiCall<'readFeed'>,
  warn: (error: unknown) => void,
): Promise<ApiAnswer<'readFeed'>> {
  const tenant = oneTenant(principal, query.tenant);
  await mustBePulled(ports, principal, tenant);
  const feed = await cursors.ofFeed(tenant);
  if (query.cursor !== undefined && query.since !== undefined)
    throw new ProblemError({ status: 400, detail: 'Expected either cursor or since, not both.' });
  await mustBeServed(ports, query.schema);
  const start = query.since ?? startOf(query.correlation_id, ports.clock.nowMs());
  const waitsUntilMs = ports.clock.nowMs() + query.wait * 1000;
  const position = query.cursor === undefined ? await startingPosition(ports, tenant, start) : feed.read(query.cursor);
  const page = await waitForFeed(
    ports,
    {
      tenant,
      position,
      limit: query.limit,
      types: query.types,
      resources: query.resources,
      accounts: query.account,
      integrations: query.integration,
      origins: query.origin,
      recordId: query.record_id,
      correlationId: query.correlation_id,
    },
    // Finding the starting position takes part of the wait, because the function's time is limited.
    Math.max(0, waitsUntilMs - ports.clock.nowMs()),
    mayWait(ports, principal, warn),
  );
  const pinned = await inVersions(ports, query.schema, page);
  return {
    status: 200,
    body: {
      data: pinned.page.events,
      next_cursor: feed.write(pinned.page.position),
      caught_up: pinned.page.caughtUp,
    },
    headers: { ...pinned.headers, ...waitHeaders(page) },
  };
}

/** The pull feed of a tenant, and single events. */
export function eventHandlers(ports: ApiPorts, warn: (error: unknown) => void): Handlers<keyof typeof eventOperations> {
  return {
    readFeed: async (call) => handleReadFeed(ports, call, warn),
    async getEvent({ params, query, principal }) {
      await mustBeServed(ports, query.schema);
      const event = await findEvent(ports, params['id'] ?? '');
      if (event === undefined || !mayAccess(principal, event.tenant)) throw notFound('event');
      const alone = { events: [event], position: event.sequence, caughtUp: false };
      const { page, headers } = await inVersions(ports, query.schema, alone);
      return { status: 200, body: page.events[0] ?? event, headers };
    },
  };
}
