import type { eventOperations } from '../../../engine/api/operations/event-operations.ts';
import type { FeedStart } from '../../../engine/feed/feed-start.ts';
import type { SchemaPins } from '../../../engine/schema-versions/schema-pins-schema.ts';
import {
  commitConsumer,
  createConsumer,
  deleteConsumer,
  endLease,
  findConsumer,
  leaseConsumer,
  listConsumers,
  seekConsumer,
} from '../../../flows/feed/manage-consumer.ts';
import { pinFeedPage, pinHeaders } from '../../../flows/feed/pin-events.ts';
import { findEvent } from '../../../flows/feed/read-event.ts';
import { type FeedPage, waitForFeed } from '../../../flows/feed/read-feed.ts';
import { refuseFeedPins } from '../../../flows/feed/refuse-pins.ts';
import { startingPosition } from '../../../flows/feed/starting-position.ts';
import type { FeedConsumer } from '../../../ports/events/consumer-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import type { Handlers } from '../pipeline/api-call.ts';
import type { FeedCursors } from '../pipeline/cursors.ts';
import { mustNotBeErasing } from '../pipeline/ownership.ts';
import { mayAccess, notFound, oneTenant, tenantOf } from '../pipeline/principal.ts';
import { quotaExceeded } from '../pipeline/quota-problem.ts';
import { mayWait, waitHeaders } from '../pipeline/waiting.ts';
import { consumerView } from '../views/consumer-view.ts';

/** The pull feed of a tenant, single events, and consumers. */
export function eventHandlers(ports: ApiPorts, warn: (error: unknown) => void): Handlers<keyof typeof eventOperations> {
  const view = (consumer: FeedConsumer, feed: FeedCursors) => consumerView(consumer, feed, ports.clock.nowMs());
  const changed = (feed: FeedCursors, before: FeedConsumer | undefined, after: FeedConsumer | undefined) => {
    const { name, tenant } = (after ?? before) as FeedConsumer;
    return {
      object: `consumers/${name}`,
      tenant,
      before: before === undefined ? null : view(before, feed),
      after: after === undefined ? null : view(after, feed),
    };
  };
  async function find(name: { readonly tenant: string; readonly name: string }): Promise<FeedConsumer> {
    const consumer = await findConsumer(ports, name);
    if (consumer === undefined) throw notFound('consumer');
    return consumer;
  }

  /** @throws {ProblemError} 400 for versions that there are not. */
  async function mustBeServed(pins: SchemaPins | undefined): Promise<void> {
    const faults = pins === undefined ? [] : await refuseFeedPins(ports, pins);
    if (faults.length === 0) return;
    const errors = faults.map(({ resource, reason }) => ({ path: `schema.${resource}`, message: reason }));
    throw new ProblemError({ status: 400, detail: 'A version is not served.', extensions: { errors } });
  }
  /** A page in the versions that its reader is written against, with what it is to be told of them. */
  async function inVersions(pins: SchemaPins | undefined, whole: FeedPage) {
    const pinned = await pinFeedPage(ports, pins, whole);
    if (pinned.kind === 'failed')
      throw new ProblemError({
        status: 500,
        detail: `The event ${pinned.event} cannot be had in this version: ${pinned.reason}.`,
        extensions: { reason: 'event-not-mappable', event_id: pinned.event },
      });
    return { page: pinned.page, headers: await pinHeaders(ports, pins) };
  }

  return {
    async readFeed({ query, principal, cursors }) {
      const tenant = oneTenant(principal, query.tenant);
      const feed = await cursors.ofFeed(tenant);
      if (query.cursor !== undefined && query.since !== undefined)
        throw new ProblemError({ status: 400, detail: 'Either cursor or since: where is it to begin?' });
      await mustBeServed(query.schema);
      const start: FeedStart = query.since ?? { kind: 'beginning' };
      const waitsUntilMs = ports.clock.nowMs() + query.wait * 1000;
      const position =
        query.cursor === undefined ? await startingPosition(ports, tenant, start) : feed.read(query.cursor);
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
        },
        // To look for the beginning takes its time, too, and the function has only so much.
        Math.max(0, waitsUntilMs - ports.clock.nowMs()),
        mayWait(ports, principal, warn),
      );
      const pinned = await inVersions(query.schema, page);
      return {
        status: 200,
        body: {
          data: pinned.page.events,
          next_cursor: feed.write(pinned.page.position),
          caught_up: pinned.page.caughtUp,
        },
        headers: { ...pinned.headers, ...waitHeaders(page) },
      };
    },
    async getEvent({ params, query, principal }) {
      await mustBeServed(query.schema);
      const event = await findEvent(ports, params['id'] ?? '');
      if (event === undefined || !mayAccess(principal, event.tenant)) throw notFound('event');
      const alone = { events: [event], position: event.sequence, caughtUp: false };
      const { page, headers } = await inVersions(query.schema, alone);
      return { status: 200, body: page.events[0] ?? event, headers };
    },
    async createConsumer({ body, principal, cursors }) {
      const { name, since, types, resources, accounts, integrations, origins } = body;
      const tenant = tenantOf(principal, body.tenant);
      if (tenant === null)
        throw new ProblemError({ status: 422, detail: 'A key for all tenants must name one: "tenant".' });
      await mustNotBeErasing(ports, tenant);
      const filter = { types, resources, accounts, integrations, origins };
      const creation = await createConsumer(ports, { tenant, name, filter, since });
      if (creation.kind === 'quota-exceeded') throw quotaExceeded(creation);
      if (creation.kind === 'exists')
        throw new ProblemError({ status: 409, detail: 'The tenant has a consumer with this name.' });
      const feed = await cursors.ofFeed(tenant);
      return { status: 201, body: view(creation.consumer, feed), change: changed(feed, undefined, creation.consumer) };
    },
    async listConsumers({ query, principal, cursors }) {
      const tenant = oneTenant(principal, query.tenant);
      const page = await listConsumers(ports, tenant, query.limit, await cursors.after());
      const feed = await cursors.ofFeed(tenant);
      const data = page.items.map((consumer) => view(consumer, feed));
      return { status: 200, body: { data, next_cursor: await cursors.next(page.next) } };
    },
    async getConsumer({ params, query, principal, cursors }) {
      const tenant = oneTenant(principal, query.tenant);
      const consumer = await find({ tenant, name: params['name'] ?? '' });
      return { status: 200, body: view(consumer, await cursors.ofFeed(tenant)) };
    },
    async deleteConsumer({ params, query, principal, cursors }) {
      const tenant = oneTenant(principal, query.tenant);
      const before = await find({ tenant, name: params['name'] ?? '' });
      if ((await deleteConsumer(ports, before)).kind === 'unknown') throw notFound('consumer');
      return { status: 204, body: undefined, change: changed(await cursors.ofFeed(tenant), before, undefined) };
    },
    async leaseConsumer({ params, query, body, principal, cursors }) {
      const tenant = oneTenant(principal, query.tenant);
      // Before the lease: what cannot be given back must not be taken.
      const feed = await cursors.ofFeed(tenant);
      await mustBeServed(body.schema_versions);
      const outcome = await leaseConsumer(ports, {
        tenant,
        name: params['name'] ?? '',
        lease: body.lease,
        ttlSeconds: body.ttl_seconds,
        limit: body.limit,
        waitMs: body.wait * 1000,
        enter: mayWait(ports, principal, warn),
      });
      switch (outcome.kind) {
        case 'unknown':
          throw notFound('consumer');
        case 'held':
          throw new ProblemError({
            status: 409,
            detail: 'Somebody else reads as this consumer.',
            extensions: { reason: 'leased', leased_until: new Date(outcome.untilMs).toISOString() },
            headers: { 'retry-after': String(Math.max(1, Math.ceil((outcome.untilMs - ports.clock.nowMs()) / 1000))) },
          });
        case 'leased': {
          const { page, headers } = await inVersions(body.schema_versions, outcome.page).catch(
            async (error: unknown) => {
              // Nobody is told of a new lease: nobody could give it back.
              if (outcome.lease !== body.lease)
                await endLease(ports, { tenant, name: params['name'] ?? '' }, outcome.lease);
              throw error;
            },
          );
          return {
            status: 200,
            body: {
              lease: outcome.lease,
              expires_at: new Date(outcome.expiresAtMs).toISOString(),
              data: page.events,
              next_cursor: feed.write(page.position),
              caught_up: page.caughtUp,
            },
            headers: { ...headers, ...waitHeaders(outcome.page) },
          };
        }
      }
    },
    async commitConsumer({ params, query, body, principal, cursors }) {
      const tenant = oneTenant(principal, query.tenant);
      const { lease, cursor, release } = body;
      const feed = await cursors.ofFeed(tenant);
      const position = feed.read(cursor);
      const outcome = await commitConsumer(ports, { tenant, name: params['name'] ?? '', lease, position, release });
      switch (outcome.kind) {
        case 'unknown':
          throw notFound('consumer');
        case 'lease-lost':
          throw new ProblemError({
            status: 409,
            detail: 'The lease has ended: whoever holds the next one is given these events again.',
            extensions: { reason: 'lease-lost' },
          });
        case 'behind':
          throw new ProblemError({
            status: 409,
            detail: 'The cursor is not one between the committed position and what was read under this lease.',
            extensions: { reason: 'not-leased', committed: outcome.position, read: outcome.handedOut },
          });
        case 'committed':
          return { status: 200, body: view(outcome.consumer, feed) };
      }
    },
    async seekConsumer({ params, query, body, principal, cursors }) {
      const tenant = oneTenant(principal, query.tenant);
      const before = await find({ tenant, name: params['name'] ?? '' });
      const outcome = await seekConsumer(ports, before, body.since);
      if (outcome.kind === 'unknown') throw notFound('consumer');
      const feed = await cursors.ofFeed(tenant);
      const { consumer } = outcome;
      return { status: 200, body: view(consumer, feed), change: changed(feed, before, consumer) };
    },
  };
}
