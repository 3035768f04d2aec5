import type { RawMessage } from '../../contracts/messages.ts';
import type { Page } from '../../ports/accounts/account-store.ts';
import type { DeadLetter } from '../../ports/events/queues.ts';
import type { Eraser } from '../../ports/tenants/tenant-erasers.ts';
import type { Erasable, ErasurePlan } from '../../ports/tenants/tenant-store.ts';
import { findContexts, removeContexts } from './erase-contexts.ts';
import { type ErasurePorts, erasurePageSize } from './erasure-ports.ts';
import { listAccountIds } from './list-account-ids.ts';

/** One kind of a tenant's data. A phase finds a page of it, then removes that page; both steps are idempotent. */
export interface ErasurePhase {
  readonly name: string;
  readonly find: (ports: ErasurePorts, tenant: string, position: string | undefined) => Promise<ErasurePlan>;
  readonly remove: (ports: ErasurePorts, tenant: string, items: readonly Erasable[]) => Promise<void>;
}

/**
 * All phases in order: first API keys, which can read; then everything that lets new data in; then data that refers to
 * other data; then that data. Each new store needs an entry.
 */
export const erasurePhases: readonly ErasurePhase[] = [
  {
    // First, so that no key of the tenant can read during the erasure.
    name: 'API keys',
    find: ({ apiKeys }, tenant, position) => apiKeys.find(tenant, position),
    remove: ({ apiKeys }, tenant, items) => apiKeys.remove(tenant, items),
  },
  {
    // Closing the accounts stops all intake for the tenant. Their rows go last: other rows are found through them.
    name: 'accounts',
    async find({ accounts }, tenant, position) {
      const { items, next } = await accounts.list(tenant, erasurePageSize, position);
      const open = items.filter(({ isClosed }) => !isClosed);
      return { items: open.map(({ id }) => ({ kind: 'accounts', key: id })), next };
    },
    async remove({ accounts }, tenant, items) {
      await Promise.all(items.map(({ key }) => accounts.close(tenant, key)));
    },
  },
  {
    // No provider is called for the tenant without them.
    name: 'credentials',
    find: async (ports, tenant, position) =>
      findCredentials(ports, tenant, await ports.accounts.list(tenant, erasurePageSize, position)),
    remove: ({ credentials }, _, items) => credentials.removeMany(keysOf(items)),
  },
  {
    // A deleted account leaves credentials if they were stored during its deletion.
    name: 'credentials of deleted accounts',
    find: async (ports, tenant, position) =>
      findCredentials(ports, tenant, await ports.accounts.listFormer(tenant, scannedAtATime, position)),
    remove: ({ credentials }, _, items) => credentials.removeMany(keysOf(items)),
  },
  {
    // Thin events that wait for their records, also those of deleted accounts.
    name: 'fetches',
    find: ({ fetches }, tenant, position) => fetches.find(tenant, position),
    remove: ({ fetches }, tenant, items) => fetches.remove(tenant, items),
  },
  {
    // Syncs with their cursors and runs, also those of deleted accounts.
    name: 'syncs',
    find: ({ syncs }, tenant, position) => syncs.find(tenant, position),
    remove: ({ syncs }, tenant, items) => syncs.remove(tenant, items),
  },
  {
    name: 'subscriptions',
    async find({ subscriptions }, tenant, position) {
      const { items, next } = await subscriptions.listIds(erasurePageSize, position);
      const own = items.filter(({ scope }) => scope === tenant).map(({ id }) => id);
      const existing = own.length === 0 ? [] : await subscriptions.findExisting(tenant, own);
      return { items: existing.map((key) => ({ kind: 'subscriptions', key })), next };
    },
    remove: ({ subscriptions }, tenant, items) => subscriptions.removeMany(tenant, keysOf(items)),
  },
  {
    name: 'deliveries',
    find: findDeliveries,
    remove: ({ deliveries }, _, items) => deliveries.removeMany(items),
  },
  {
    name: 'endpoints',
    async find({ subscriptions, endpoints }, tenant, position) {
      const { items, next } = await subscriptions.listIds(erasurePageSize, position);
      const own = items.filter(({ scope }) => scope === tenant).map(({ id }) => id);
      const existing = own.length === 0 ? [] : await endpoints.findExisting(own);
      return { items: existing.map((key) => ({ kind: 'endpoints', key })), next };
    },
    remove: ({ endpoints }, _, items) => endpoints.removeMany(keysOf(items)),
  },
  {
    name: 'events',
    find: ({ events }, tenant, position) => events.find(tenant, position),
    remove: ({ events }, tenant, items) => events.remove(tenant, items),
  },
  {
    name: 'record states',
    find: ({ accounts, records }, tenant, position) =>
      findOfAccounts(
        (after) => accounts.list(tenant, erasurePageSize, after),
        position,
        (account, within) => records.find(account, within),
      ),
    remove: ({ records }, tenant, items) => records.remove(tenant, items),
  },
  {
    // A deleted account leaves the states of its records.
    name: 'record states of deleted accounts',
    find: ({ accounts, records }, tenant, position) =>
      findOfAccounts(
        (after) => accounts.listFormer(tenant, scannedAtATime, after),
        position,
        (account, within) => records.find(account, within),
      ),
    remove: ({ records }, tenant, items) => records.remove(tenant, items),
  },
  {
    name: 'payloads',
    find: async ({ payloads }, tenant, position) => counted('payloads', await payloads.find(`${tenant}/`, position)),
    remove: ({ payloads }, tenant, items) => payloads.remove(`${tenant}/`, items),
  },
  {
    // Requests parked under the tenant's context values belong to the tenant, too.
    name: 'contexts',
    find: findContexts,
    remove: removeContexts,
  },
  {
    name: 'raw bodies',
    find: ({ accounts, rawBodies }, tenant, position) =>
      findOfAccounts(
        (after) => accounts.list(tenant, erasurePageSize, after),
        position,
        async (account, within) => counted('raw_bodies', await rawBodies.find(`${account}/`, within)),
      ),
    remove: ({ rawBodies }, _, items) => rawBodies.remove('', items),
  },
  {
    name: 'dead letters',
    find: findDeadLetters,
    async remove({ rawLetters }, _, items) {
      await rawLetters.remove(items.map(({ key }) => ({ body: '', receipt: key, sentAtMs: 0 })));
    },
  },
  {
    name: 'consumers',
    find: ({ consumers }, tenant, position) => consumers.find(tenant, position),
    remove: ({ consumers }, tenant, items) => consumers.remove(tenant, items),
  },
  {
    name: 'statistics',
    find: ({ statistics }, tenant, position) => statistics.find(tenant, position),
    remove: ({ statistics }, tenant, items) => statistics.remove(tenant, items),
  },
];

/** Finds the credentials of a page of accounts. */
async function findCredentials(
  { credentials }: ErasurePorts,
  tenant: string,
  { items, next }: Page<{ readonly id: string }>,
): Promise<ErasurePlan> {
  const ids = items.map(({ id }) => id);
  const found = ids.length === 0 ? [] : await credentials.findExisting(tenant, ids);
  return { items: found.map((key) => ({ kind: 'credentials', key })), next };
}

function keysOf(items: readonly Erasable[]): string[] {
  return items.map(({ key }) => key);
}

function counted(kind: string, { items, next }: Awaited<ReturnType<Eraser['find']>>): ErasurePlan {
  return { items: items.map(({ key }) => ({ kind, key })), next };
}

/** A position in a list, and a position within one of its items. */
interface Nested {
  /** The last finished item; undefined at the beginning. */
  readonly after?: string | undefined;
  readonly within?: string | undefined;
}

function readNested(position: string | undefined): Nested {
  return position === undefined ? {} : (JSON.parse(position) as Nested);
}

/**
 * Finds all deliveries of the tenant's own subscriptions, deleted ones included, and the deliveries of its events by
 * subscriptions that serve all tenants.
 */
async function findDeliveries(
  { subscriptions, deliveries }: ErasurePorts,
  tenant: string,
  position: string | undefined,
): Promise<ErasurePlan> {
  let { after, within } = readNested(position);
  const ids = await subscriptions.listIds(erasurePageSize, after);
  for (const { id, scope } of ids.items) {
    if (scope === tenant || scope === '*') {
      const page = await deliveries.findOf(id, scope === '*' ? tenant : undefined, within);
      if (page.next !== undefined)
        return { items: page.items, next: JSON.stringify({ after, within: page.next } satisfies Nested) };
      if (page.items.length > 0) return { items: page.items, next: JSON.stringify({ after: id } satisfies Nested) };
    }
    after = id;
    within = undefined;
  }
  return { items: [], next: ids.next === undefined ? undefined : JSON.stringify({ after } satisfies Nested) };
}

/** Rows that one scan of the accounts table reads. */
const scannedAtATime = 1_000;
/** Reads that find nothing, after which a pass notes its position: an account has many places to look at. */
const maxEmptyFinds = 200;

/** Finds what each account has, one account after the other. */
async function findOfAccounts(
  list: (after: string | undefined) => Promise<Page<{ readonly id: string }>>,
  position: string | undefined,
  find: (account: string, within: string | undefined) => Promise<ErasurePlan>,
): Promise<ErasurePlan> {
  let { after, within } = readNested(position);
  let emptyFinds = 0;
  const page = await list(after);
  for (const { id } of page.items) {
    for (;;) {
      const { items, next } = await find(id, within);
      if (next !== undefined && items.length > 0)
        return { items, next: JSON.stringify({ after, within: next } satisfies Nested) };
      if (items.length > 0) return { items, next: JSON.stringify({ after: id } satisfies Nested) };
      if (next === undefined) break;
      within = next;
      emptyFinds += 1;
      if (emptyFinds >= maxEmptyFinds) return { items: [], next: JSON.stringify({ after, within } satisfies Nested) };
    }
    after = id;
    within = undefined;
  }
  // A page of a scan may have nothing of this tenant, so the list says where the next one begins.
  return {
    items: [],
    next: page.next === undefined ? undefined : JSON.stringify({ after: page.next } satisfies Nested),
  };
}

/** Bounds of one pass, by count and time: a received letter is hidden for only a minute. */
const maxLetters = 2_000;
const lettersMs = 15_000;
/** Letters that one call makes visible again. */
const shownTogether = 50;

/** Finds dead letters of the tenant's accounts, and makes other tenants' letters visible again. */
async function findDeadLetters(ports: ErasurePorts, tenant: string): Promise<ErasurePlan> {
  const own = await listAccountIds(ports, tenant);
  const untilMs = ports.clock.nowMs() + lettersMs;
  const items: Erasable[] = [];
  const others: DeadLetter[] = [];
  while (items.length < erasurePageSize && others.length < maxLetters && ports.clock.nowMs() < untilMs) {
    const letters = await ports.rawLetters.receive();
    if (letters.length === 0) break;
    for (const letter of letters) {
      if (own.has(accountOf(letter.body) ?? '')) items.push({ kind: 'dead_letters', key: letter.receipt });
      // Drop the body to save memory: putting a letter back does not need it.
      else others.push({ ...letter, body: '' });
    }
  }
  for (let at = 0; at < others.length; at += shownTogether)
    await ports.rawLetters.putBack(others.slice(at, at + shownTogether));
  // The next pass finds the letters that this one had no time to read or remove.
  return { items, next: undefined };
}

function accountOf(body: string): string | undefined {
  try {
    return (JSON.parse(body) as Partial<RawMessage> | null)?.account;
  } catch {
    return undefined;
  }
}
