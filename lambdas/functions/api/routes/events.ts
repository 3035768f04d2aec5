import { z } from 'zod';
import { resourcePattern, typePattern } from '../../../engine/subscription/filter-schema.ts';
import { findEvent } from '../../../flows/read-event.ts';
import { readFeed } from '../../../flows/read-feed.ts';
import { ProblemError } from '../../answer-problems.ts';
import {
  type ApiRoute,
  decodeCursor,
  encodeCursor,
  identifier,
  listQuery,
  readQuery,
  tenantName,
} from '../api-call.ts';
import type { ApiPorts } from '../api-ports.ts';
import { mayAccess, notFound } from '../principal.ts';

/** Patterns separated by commas, as a query carries them. */
const commaList = (pattern: z.ZodString) =>
  z
    .string()
    .max(2048)
    .transform((text) => text.split(','))
    .pipe(z.array(pattern));

const feedQuery = listQuery.extend({
  tenant: tenantName.optional(),
  types: commaList(typePattern).default([]),
  resources: commaList(resourcePattern).default([]),
  account: identifier.optional(),
});

const feedCursor = z.object({ tenant: tenantName, sequence: z.int().nonnegative() });

/** The pull feed of a tenant, and single events. */
export function eventRoutes(ports: ApiPorts): readonly ApiRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/events',
      async handle(call) {
        const query = readQuery(call, feedQuery);
        const tenant = query.tenant ?? call.principal.tenant;
        if (tenant === null)
          throw new ProblemError({ status: 400, detail: 'A key for all tenants must name one: ?tenant=…' });
        if (!mayAccess(call.principal, tenant)) throw notFound('tenant');
        const cursor = decodeCursor(query.cursor, feedCursor);
        if (cursor !== undefined && cursor.tenant !== tenant)
          throw new ProblemError({ status: 400, detail: 'The cursor is that of another tenant.' });

        const feed = await readFeed(ports, {
          tenant,
          position: cursor?.sequence ?? 0,
          limit: query.limit,
          types: query.types,
          resources: query.resources,
          accounts: query.account === undefined ? [] : [query.account],
        });
        return {
          status: 200,
          body: {
            data: feed.events,
            next_cursor: encodeCursor({ tenant, sequence: feed.position }),
            caught_up: feed.caughtUp,
          },
        };
      },
    },
    {
      method: 'GET',
      path: '/v1/events/{id}',
      async handle({ params, principal }) {
        const event = await findEvent(ports, params['id'] ?? '');
        if (event === undefined || !mayAccess(principal, event.tenant)) throw notFound('event');
        return { status: 200, body: event };
      },
    },
  ];
}
