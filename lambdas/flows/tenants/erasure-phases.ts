import { EngineError } from '../../contracts/engine-error.ts';
import type { RawMessage } from '../../contracts/messages.ts';
import { withoutTenant } from '../../engine/account/context-claims.ts';
import type { AccountContextRegistry } from '../../ports/accounts/account-contexts.ts';
import type { Page } from '../../ports/accounts/account-store.ts';
import type { ParkedRequest, ParkedRequests } from '../../ports/accounts/parked-requests.ts';
import type { DeadLetter, DeadLetterInbox } from '../../ports/events/queues.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type {
  AccountContext,
  AccountContextEraser,
  AccountEraser,
  DeliveryEraser,
  EndpointEraser,
  Eraser,
  ObjectEraser,
  SubscriptionEraser,
} from '../../ports/tenants/tenant-erasers.ts';
import type { Erasable, ErasurePlan } from '../../ports/tenants/tenant-store.ts';

/** What a tenant's data is found and removed with. */
export interface ErasurePorts {
  readonly accounts: AccountEraser;
  readonly contexts: AccountContextEraser & AccountContextRegistry;
  readonly parked: ParkedRequests;
  readonly rawLetters: DeadLetterInbox;
  readonly subscriptions: SubscriptionEraser;
  readonly deliveries: DeliveryEraser;
  readonly endpoints: EndpointEraser;
  /** By tenant. */
  readonly events: Eraser;
  readonly apiKeys: Eraser;
  readonly consumers: Eraser;
  readonly statistics: Eraser;
  /** By prefix of their keys. */
  readonly payloads: Eraser;
  readonly rawBodies: ObjectEraser;
  readonly clock: Clock;
}

/** One kind of a tenant's data. A phase finds a page of it and removes a page that was found: both can be repeated. */
export interface ErasurePhase {
  readonly name: string;
  readonly find: (ports: ErasurePorts, tenant: string, position: string | undefined) => Promise<ErasurePlan>;
  readonly remove: (ports: ErasurePorts, tenant: string, items: readonly Erasable[]) => Promise<void>;
}

const pageSize = 100;

/**
 * All phases in their order: first who may read, then whatever lets new data in, what refers to other data, then that data.
 * A further store is a further entry.
 */
export const erasurePhases: readonly ErasurePhase[] = [
  {
    // No key of the tenant reads on meanwhile.
    name: 'API keys',
    find: ({ apiKeys }, tenant, position) => apiKeys.find(tenant, position),
    remove: ({ apiKeys }, tenant, items) => apiKeys.remove(tenant, items),
  },
  {
    // From here on nothing is accepted for the tenant. The accounts themselves go last: others are found by them.
    name: 'accounts',
    async find({ accounts }, tenant, position) {
      const { items, next } = await accounts.list(tenant, pageSize, position);
      const open = items.filter(({ isClosed }) => !isClosed);
      return { items: open.map(({ id }) => ({ kind: 'accounts', key: id })), next };
    },
    async remove({ accounts }, tenant, items) {
      await Promise.all(items.map(({ key }) => accounts.close(tenant, key)));
    },
  },
  {
    name: 'subscriptions',
    async find({ subscriptions }, tenant, position) {
      const { items, next } = await subscriptions.listIds(pageSize, position);
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
      const { items, next } = await subscriptions.listIds(pageSize, position);
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
    name: 'payloads',
    find: async ({ payloads }, tenant, position) => counted('payloads', await payloads.find(`${tenant}/`, position)),
    remove: ({ payloads }, tenant, items) => payloads.remove(`${tenant}/`, items),
  },
  {
    // What was parked under their values is the tenant's, too.
    name: 'contexts',
    find: findContexts,
    remove: removeContexts,
  },
  {
    name: 'raw bodies',
    find: findRawBodies,
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

function keysOf(items: readonly Erasable[]): string[] {
  return items.map(({ key }) => key);
}

function counted(kind: string, { items, next }: Awaited<ReturnType<Eraser['find']>>): ErasurePlan {
  return { items: items.map(({ key }) => ({ kind, key })), next };
}

/** Where in a list, and where in what one of its items has. */
interface Nested {
  /** The item before the one that is next; undefined at the beginning. */
  readonly after?: string | undefined;
  readonly within?: string | undefined;
}

function readNested(position: string | undefined): Nested {
  return position === undefined ? {} : (JSON.parse(position) as Nested);
}

/**
 * Deliveries of the tenant's own subscriptions, all that are or ever were, and those of its events among the
 * deliveries of subscriptions that serve all tenants.
 */
async function findDeliveries(
  { subscriptions, deliveries }: ErasurePorts,
  tenant: string,
  position: string | undefined,
): Promise<ErasurePlan> {
  let { after, within } = readNested(position);
  const ids = await subscriptions.listIds(pageSize, after);
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

/** Requests that are looked at under one value at a time. */
const parkedPage = 50;
const noRequests: Page<ParkedRequest> = { items: [], next: undefined };

/** The values that name the tenant or its accounts, and the requests that wait under them. */
async function findContexts(ports: ErasurePorts, tenant: string, position: string | undefined): Promise<ErasurePlan> {
  const own = await accountIds(ports, tenant);
  const page = await ports.contexts.listAll(position === '' ? undefined : position);
  const items: Erasable[] = [];
  let isWhole = true;
  for (const context of page.items) {
    const { integration, value, account } = context;
    if (context.tenant === undefined ? !own.has(account ?? '') : context.tenant !== tenant) continue;
    const { claims, registered } = await ports.contexts.find(integration, value);
    const isShared = claims.some((claim) => claim.tenant !== tenant) || registered.some((id) => !own.has(id));
    // What waits under a value that another tenant's account has, too, is sent to that one.
    const requests = isShared ? noRequests : await ports.parked.list(integration, value, parkedPage, undefined);
    for (const { message } of requests.items) items.push(...(await parkedItems(ports, context, message)));
    // While requests are left the value is how they are found.
    if (requests.next === undefined) items.push({ kind: 'account_contexts', key: JSON.stringify(context) });
    else isWhole = false;
    if (items.length < pageSize) continue;
    isWhole = false;
    break;
  }
  // A page that was cut short is looked at again, when what it had so far is gone.
  return { items, next: isWhole ? page.next : (position ?? '') };
}

async function parkedItems(
  { rawBodies }: ErasurePorts,
  { integration, value }: AccountContext,
  { rawId, body }: RawMessage,
): Promise<readonly Erasable[]> {
  const bodies = body.kind === 'claim' ? await rawBodies.findOne(body.key) : [];
  return [
    ...bodies.map(({ key }) => ({ kind: 'raw_bodies', key })),
    { kind: 'parked_requests', key: JSON.stringify([integration, value, rawId]) },
  ];
}

async function removeContexts(ports: ErasurePorts, tenant: string, items: readonly Erasable[]): Promise<void> {
  const of = (kind: string) => items.filter((item) => item.kind === kind);
  await ports.rawBodies.remove('', of('raw_bodies'));
  for (const { key } of of('parked_requests')) {
    const [integration, value, rawId] = JSON.parse(key) as [string, string, string];
    await ports.parked.remove(integration, value, rawId);
  }
  // Last: what waits is found by its value.
  for (const { key } of of('account_contexts')) await removeContext(ports, tenant, JSON.parse(key) as AccountContext);
}

const maxAttempts = 5;

/** What waits for a former owner in a queue must not reach the next: the value remembers when it became free. */
async function removeContext(
  { contexts, clock }: ErasurePorts,
  tenant: string,
  { integration, value, ...named }: AccountContext,
): Promise<void> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const record = await contexts.find(integration, value);
    const registered = named.tenant === undefined ? named.account : undefined;
    // One that was registered only leaves no claim by which the value would remember.
    const isLast = registered !== undefined && record.registered.includes(registered) && record.claims.length === 0;
    const free = withoutTenant(record, tenant, clock.nowMs());
    const changed = isLast ? { ...free, released: { atMs: clock.nowMs() } } : free;
    if (changed !== record && !(await contexts.replace(integration, value, changed))) continue;
    if (registered !== undefined) await contexts.forget(integration, value, registered);
    return;
  }
  throw new EngineError('contended', 'a value is being claimed', { retryable: true });
}

async function accountIds({ accounts }: ErasurePorts, tenant: string): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  let after: string | undefined;
  do {
    const page = await accounts.list(tenant, pageSize, after);
    for (const { id } of page.items) ids.add(id);
    after = page.next;
  } while (after !== undefined);
  return ids;
}

/** What the raw archive has under the name of each account. */
async function findRawBodies(
  { accounts, rawBodies }: ErasurePorts,
  tenant: string,
  position: string | undefined,
): Promise<ErasurePlan> {
  let { after, within } = readNested(position);
  const page = await accounts.list(tenant, pageSize, after);
  for (const { id } of page.items) {
    const found = await rawBodies.find(`${id}/`, within);
    const { items } = counted('raw_bodies', found);
    if (found.next !== undefined)
      return { items, next: JSON.stringify({ after, within: found.next } satisfies Nested) };
    if (items.length > 0) return { items, next: JSON.stringify({ after: id } satisfies Nested) };
    after = id;
    within = undefined;
  }
  return { items: [], next: page.next === undefined ? undefined : JSON.stringify({ after } satisfies Nested) };
}

/** Letters that a pass looks at, and for how long it does: what is received is hidden for a minute only. */
const maxLetters = 2_000;
const lettersMs = 15_000;
/** Letters that are shown again together. */
const shownTogether = 50;

/** Requests of the tenant's accounts that could not be mapped. Those of others are shown again. */
async function findDeadLetters(ports: ErasurePorts, tenant: string): Promise<ErasurePlan> {
  const own = await accountIds(ports, tenant);
  const untilMs = ports.clock.nowMs() + lettersMs;
  const items: Erasable[] = [];
  const others: DeadLetter[] = [];
  while (items.length < pageSize && others.length < maxLetters && ports.clock.nowMs() < untilMs) {
    const letters = await ports.rawLetters.receive();
    if (letters.length === 0) break;
    for (const letter of letters) {
      if (own.has(accountOf(letter.body) ?? '')) items.push({ kind: 'dead_letters', key: letter.receipt });
      // What it says does not matter here.
      else others.push({ ...letter, body: '' });
    }
  }
  for (let at = 0; at < others.length; at += shownTogether)
    await ports.rawLetters.putBack(others.slice(at, at + shownTogether));
  // What could not be looked at, or removed, in time is found by the next pass.
  return { items, next: undefined };
}

function accountOf(body: string): string | undefined {
  try {
    return (JSON.parse(body) as Partial<RawMessage> | null)?.account;
  } catch {
    return undefined;
  }
}
