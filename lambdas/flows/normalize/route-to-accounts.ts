import { EngineError } from '../../contracts/engine-error.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import { findOwners, soleTenant } from './find-owners.ts';
import { mapForAccount, stopped } from './map-for-account.ts';
import {
  deadLetter,
  type NewEvent,
  type NormalizePorts,
  type NormalizingIntegration,
  type PollNow,
  type RawDelivery,
  type ReadRequest,
  type SettledMapping,
  toMapping,
} from './normalization.ts';

/**
 * Map a request to the URL for all accounts: find its accounts by its contexts, and map it for each.
 *
 * For a context that no tenant owns, the request is parked and replayed once the account exists. When a context has
 * accounts of several tenants that may not share it, the request is kept on the dead-letter queue. The other contexts
 * are served now; when they are served again, their events keep their ids.
 */
export async function mapForItsAccounts(
  ports: NormalizePorts,
  delivery: RawDelivery,
  integration: NormalizingIntegration,
  read: ReadRequest,
): Promise<SettledMapping> {
  const { message } = delivery;
  const { routing } = integration;
  const looked =
    routing === undefined
      ? undefined
      : await ports.expressions.run('lookUp', { expression: routing.lookup, input: read.input }, message.integration);
  if (looked?.kind === 'died')
    return deadLetter(ports, delivery, stopped(delivery, 'context_lookup_field', looked.reason));
  const contexts = looked?.result ?? undefined;
  if (routing === undefined || contexts === undefined)
    return deadLetter(ports, delivery, 'context_lookup_field failed');

  const ownership = await findOwners(ports, message, routing, contexts);
  const { owners, free, contested } = ownership;
  if (free.length > 0) {
    await ports.parking.park(message.integration, free, message);
    // Look again: an account may have been created, and its parked requests replayed, between the lookup and the
    // parking.
    const since = await findOwners(ports, message, routing, free);
    if (since.free.length < free.length)
      throw new EngineError('contended', 'an account was created for a parked request', { retryable: true });
  }
  const events: NewEvent[] = [];
  const polls: PollNow[] = [];
  const accounts = owners.map(({ account }) => account);
  const whose = { tenant: soleTenant(owners), owners: accounts, ownership };
  for (const { account, contexts: own } of owners) {
    const mapped = await mapForAccount(ports, delivery, integration, read, account, contexts.length > 1);
    if (mapped.kind === 'failed') return { ...(await deadLetter(ports, delivery, mapped.reason)), ...whose };
    events.push(...mapped.events.filter((_, index) => isFor(mapped.contexts[index], own)));
    const asked = mapped.polls.filter(({ context }) => isFor(context, own));
    polls.push(...asked.map(({ poll }) => pollNow(account, poll)));
  }
  const [collision] = contested;
  if (collision !== undefined) {
    // The owner cannot be determined. The request's other values are served all the same.
    const value = `the value ${JSON.stringify(collision)} of ${routing.accountContext}`;
    const refusal = await deadLetter(ports, delivery, `${value} has accounts of two tenants`);
    if (owners.length === 0) return refusal;
  }
  if (owners.length > 0) return { ...toMapping(events, integration.resources, polls), ...whose };
  if (free.length > 0) return { kind: 'unrouted' };
  return contexts.length > 0 ? { kind: 'ignored', owners: 'gone' } : withoutContext(ports, delivery, integration, read);
}

/** A request without a context is a ping or a heartbeat if it maps to no event, otherwise a fault. */
async function withoutContext(
  ports: NormalizePorts,
  delivery: RawDelivery,
  integration: NormalizingIntegration,
  read: ReadRequest,
): Promise<SettledMapping> {
  const noAccount = { id: '', tenant: '', integration: '', secrets: {}, context: {}, createdAt: '', revision: 0 };
  const mapped = await mapForAccount(ports, delivery, integration, read, noAccount);
  return mapped.kind === 'mapped' && mapped.events.length + mapped.polls.length === 0
    ? { kind: 'ignored' }
    : deadLetter(ports, delivery, 'context_lookup_field gave no value');
}

/** An event belongs to the accounts that hold its context; an event without one, to the request's only context. */
function isFor(context: string | undefined, own: readonly string[]): boolean {
  return context === undefined || own.includes(context);
}

export function pollNow({ id: account, createdAt: incarnation }: Account, poll: string): PollNow {
  return { account, incarnation, ...(poll === '*' ? {} : { resource: poll }) };
}
