import type { consumerOperations } from '../../../engine/api/operations/consumer-operations.ts';
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
import type { FeedConsumer } from '../../../ports/events/consumer-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import type { ApiAnswer, ApiCall, Handlers } from '../pipeline/api-call.ts';
import type { FeedCursors } from '../pipeline/cursors.ts';
import { mustBePulled, mustNotBeErasing } from '../pipeline/ownership.ts';
import { notFound, oneTenant, tenantOf } from '../pipeline/principal.ts';
import { quotaExceeded } from '../pipeline/quota-problem.ts';
import { mayWait, waitHeaders } from '../pipeline/waiting.ts';
import { consumerView } from '../views/consumer-view.ts';
import { inVersions, mustBeServed } from './pins.ts';

/** The 409 for a consumer that another reader has leased. */
function leaseHeld(untilMs: number, nowMs: number): ProblemError {
  return new ProblemError({
    status: 409,
    detail: "Another reader holds this consumer's lease.",
    extensions: { reason: 'leased', leased_until: new Date(untilMs).toISOString() },
    headers: { 'retry-after': String(Math.max(1, Math.ceil((untilMs - nowMs) / 1000))) },
  });
}

async function handleLeaseConsumer(
  ports: ApiPorts,
  { params, query, body, principal, cursors }: ApiCall<'leaseConsumer'>,
  warn: (error: unknown) => void,
): Promise<ApiAnswer<'leaseConsumer'>> {
  const tenant = oneTenant(principal, query.tenant);
  await mustBePulled(ports, principal, tenant);
  // Read the key before leasing: without a cursor the reader could not commit.
  const feed = await cursors.ofFeed(tenant);
  await mustBeServed(ports, body.schema_versions);
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
      throw leaseHeld(outcome.untilMs, ports.clock.nowMs());
    case 'leased': {
      const { page, headers } = await inVersions(ports, body.schema_versions, outcome.page).catch(
        async (error: unknown) => {
          // The error hides the new lease from the reader, which could not release it.
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
}

async function handleCommitConsumer(
  ports: ApiPorts,
  { params, query, body, principal, cursors }: ApiCall<'commitConsumer'>,
): Promise<ApiAnswer<'commitConsumer'>> {
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
        detail: 'The lease has ended. The next holder receives these events again.',
        extensions: { reason: 'lease-lost' },
      });
    case 'behind':
      throw new ProblemError({
        status: 409,
        detail: 'The cursor is not between the committed position and the last event read under this lease.',
        extensions: { reason: 'not-leased', committed: outcome.position, read: outcome.handedOut },
      });
    case 'committed':
      return { status: 200, body: consumerView(outcome.consumer, feed, ports.clock.nowMs()) };
  }
}

/** Consumers: positions in the feed that the engine keeps for readers. */
export function consumerHandlers(
  ports: ApiPorts,
  warn: (error: unknown) => void,
): Handlers<keyof typeof consumerOperations> {
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

  return {
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
    leaseConsumer: async (call) => handleLeaseConsumer(ports, call, warn),
    commitConsumer: async (call) => handleCommitConsumer(ports, call),
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
