import { EngineError } from '../../contracts/engine-error.ts';
import type { RawMessage } from '../../contracts/messages.ts';
import { withoutTenant } from '../../engine/account/context-claims.ts';
import type { Page } from '../../ports/accounts/account-store.ts';
import type { ParkedRequest } from '../../ports/accounts/parked-requests.ts';
import type { AccountContext } from '../../ports/tenants/tenant-erasers.ts';
import type { Erasable, ErasurePlan } from '../../ports/tenants/tenant-store.ts';
import { type ErasurePorts, erasurePageSize } from './erasure-ports.ts';
import { listAccountIds } from './list-account-ids.ts';

/** Parked requests read per context value. */
const parkedPage = 50;
const noRequests: Page<ParkedRequest> = { items: [], next: undefined };

/** Finds context values that name the tenant or its accounts, and the requests parked under them. */
export async function findContexts(
  ports: ErasurePorts,
  tenant: string,
  position: string | undefined,
): Promise<ErasurePlan> {
  const own = await listAccountIds(ports, tenant);
  const page = await ports.contexts.listAll(position === '' ? undefined : position);
  const items: Erasable[] = [];
  let isWhole = true;
  for (const context of page.items) {
    const { integration, value, account } = context;
    if (context.tenant === undefined ? !own.has(account ?? '') : context.tenant !== tenant) continue;
    const { claims, registered } = await ports.contexts.find(integration, value);
    const isShared = claims.some((claim) => claim.tenant !== tenant) || registered.some((id) => !own.has(id));
    // Requests parked under a value that another tenant's account shares go to that account.
    const requests = isShared ? noRequests : await ports.parked.list(integration, value, parkedPage, undefined);
    for (const { message } of requests.items) items.push(...(await parkedItems(ports, context, message)));
    // Keep the value while requests remain: they are found through it.
    if (requests.next === undefined) items.push({ kind: 'account_contexts', key: JSON.stringify(context) });
    else isWhole = false;
    if (items.length < erasurePageSize) continue;
    isWhole = false;
    break;
  }
  // Read an incomplete page again once its items so far are removed.
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

export async function removeContexts(ports: ErasurePorts, tenant: string, items: readonly Erasable[]): Promise<void> {
  const of = (kind: string) => items.filter((item) => item.kind === kind);
  await ports.rawBodies.remove('', of('raw_bodies'));
  for (const { key } of of('parked_requests')) {
    const [integration, value, rawId] = JSON.parse(key) as [string, string, string];
    await ports.parked.remove(integration, value, rawId);
  }
  // Last: parked requests are found through their value.
  for (const { key } of of('account_contexts')) await removeContext(ports, tenant, JSON.parse(key) as AccountContext);
}

const maxAttempts = 5;

/** Records when the value became free, so requests queued for the former owner cannot reach the next one. */
async function removeContext(
  { contexts, clock }: ErasurePorts,
  tenant: string,
  { integration, value, ...named }: AccountContext,
): Promise<void> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const record = await contexts.find(integration, value);
    const registered = named.tenant === undefined ? named.account : undefined;
    // An account that was only registered leaves no claim, so set `released` here.
    const isLast = registered !== undefined && record.registered.includes(registered) && record.claims.length === 0;
    const free = withoutTenant(record, tenant, clock.nowMs());
    const changed = isLast ? { ...free, released: { atMs: clock.nowMs() } } : free;
    if (changed !== record && !(await contexts.replace(integration, value, changed))) continue;
    if (registered !== undefined) await contexts.forget(integration, value, registered);
    return;
  }
  throw new EngineError('contended', 'a value is being claimed', { retryable: true });
}
