import { describe, expect, test } from 'vitest';
import { scopeNames } from '../../../lambdas/engine/access/scopes.ts';
import type { OperationShape } from '../../../lambdas/engine/api/operation.ts';
import { type OperationId, operations } from '../../../lambdas/engine/api/operations.ts';
import { apiKey } from '../../fakes/in-memory-api-keys.ts';
import { type ApiWorld, createApiWorld } from '../api-world.ts';

const ids = Object.keys(operations) as OperationId[];
const shapeOf = (id: OperationId): OperationShape => operations[id];

/** Keys of the world, by what is wrong with them. */
const keys = {
  'no key': null,
  'a wrong key': 'tk_all_wrong',
  'an expired key': 'tk_expired_secret',
  "another tenant's key": 'globex',
  'a key without the scope': 'tk_scopeless_secret',
  "the tenant's key": 'acme',
  'a key for all tenants': 'all',
} as const;
type Caller = keyof typeof keys;
const callers = Object.keys(keys) as Caller[];

/** A world in which one key holds all scopes except the operation's own. */
function worldFor({ access }: OperationShape): Promise<ApiWorld> {
  const without = scopeNames.filter(
    (scope) => scope !== 'admin' && scope !== access && scope !== access.replace(/:read$/, ':write'),
  );
  return createApiWorld({
    keys: [
      apiKey('expired', 'secret', null, { expiresAtMs: Date.parse('2026-11-20T00:00:00Z') }),
      apiKey('scopeless', 'secret', 'acme', { scopes: without }),
    ],
  });
}

/** Statuses by operation and caller: each takes a world of its own. */
const statuses = new Map<string, Promise<number>>();

function statusFor(id: OperationId, caller: Caller): Promise<number> {
  const key = `${id} ${caller}`;
  const known = statuses.get(key) ?? askFor(id, caller);
  statuses.set(key, known);
  return known;
}

async function askFor(id: OperationId, caller: Caller): Promise<number> {
  const shape = shapeOf(id);
  const { api, request } = await worldFor(shape);
  const { path, body } = request(id);
  return (await api.call(shape.method, path, body, keys[caller])).status;
}

/** The refusal that the operation's shape predicts for a caller; undefined if the call is allowed. */
function refusalOf({ access, isForAllTenants, path }: OperationShape, caller: Caller): number | undefined {
  if (access === 'public') return undefined;
  const isPersonal = /\{(id|name)\}/.test(path);
  const namesTenant = [
    '/v1/events',
    '/v1/audit',
    '/v1/stats',
    '/v1/consumers',
    '/v1/accounts',
    '/v1/subscriptions',
    '/v1/keys',
    '/v1/portal-sessions',
    '/v1/deliveries',
    '/v1/delivery-errors',
    '/v1/stats/series',
    '/v1/subscription-preview',
    '/v1/syncs',
  ];
  switch (caller) {
    case 'no key':
    case 'a wrong key':
    case 'an expired key':
      return 401;
    case "another tenant's key":
      if (access === 'credentials') return undefined;
      if (isForAllTenants === true) return 403;
      return isPersonal || namesTenant.includes(path) ? 404 : undefined;
    case 'a key without the scope':
      return access === 'any-key' || access === 'credentials' ? undefined : 403;
    case "the tenant's key":
      return isForAllTenants === true ? 403 : undefined;
    case 'a key for all tenants':
      return undefined;
  }
}

/** Lists that return the caller's own data without a tenant in the query, so there is nothing to refuse. */
const ownLists = new Set<OperationId>(['listAccounts', 'listSubscriptions', 'listKeys']);

describe.each(ids)('%s', (id) => {
  const shape = shapeOf(id);

  test.each(callers)('with %s', async (caller) => {
    const refusal = ownLists.has(id) && caller === "another tenant's key" ? undefined : refusalOf(shape, caller);
    const status = await statusFor(id, caller);
    const declared = Object.keys(shape.answers).map(Number);
    expect(refusal === undefined ? declared : [refusal]).toContain(status);
  });
});

test.each([...ownLists])("%s shows another tenant's key nothing of acme's (invariant 3)", async (id) => {
  const { api, request } = await worldFor(shapeOf(id));
  const { path } = request(id);
  expect((await api.call('GET', path, undefined, 'acme')).text).toContain('acme');
  expect((await api.call('GET', path, undefined, 'globex')).text).not.toContain('acme');
});

test('the access table has not changed', async () => {
  const rows = [];
  for (const id of ids) {
    const answers = [];
    for (const caller of callers) answers.push(await statusFor(id, caller));
    const { method, path, access } = shapeOf(id);
    rows.push(`| \`${method} ${path}\` | ${access} | ${answers.join(' | ')} |`);
  }
  const head = `| route | scope | ${callers.join(' | ')} |\n| --- | --- | ${callers.map(() => '---').join(' | ')} |`;
  await expect(`${head}\n${rows.join('\n')}\n`).toMatchFileSnapshot('__snapshots__/access.md');
});
