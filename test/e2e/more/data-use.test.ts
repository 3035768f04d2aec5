import { readFileSync } from 'node:fs';
import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fromItem } from '../../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { localAdminKey, seedApiKey } from '../../../lib/local/admin-key.ts';
import { runDemo } from '../../../lib/local/simulators/demo.ts';
import { type DemoCrm, startDemoCrm } from '../../../lib/local/simulators/demo-crm.ts';
import { type RunningEngine, useRunningEngine } from '../running-engine.ts';

/*
 * docs/operate/data-use.md names every attribute that the engine stores. The engine gets data of every kind here, and
 * each attribute of each row must be on the page, in the section of its table.
 */

let crm: DemoCrm;
beforeAll(async () => {
  crm = await startDemoCrm();
}, 300_000);
afterAll(() => crm.provider.stop());

const running = useRunningEngine(undefined, () => ({ hosts: [crm.host] }));
const tenantKey = 'tk_demo_secret-of-demo';

/** Data of the kinds that the demo has none of. */
async function furnish({ engine, call, eventually, github }: RunningEngine): Promise<void> {
  await seedApiKey(engine, tenantKey, 'demo');
  const made = async (method: string, path: string, body?: unknown, key = tenantKey) => {
    const answer = await call(method, path, body, key);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  await made('PATCH', '/v1/tenants/demo', { retention: { events_days: 7, raw_days: 29 } });
  await made('PUT', '/v1/integrations/intercom/settings', { secrets: { signing_secret: 'app' } }, localAdminKey);
  const routed = { id: 'acc_routed', tenant: 'demo', integration: 'github', context: { installation_id: 'of-demo' } };
  await made('POST', '/v1/accounts', { ...routed, name: 'Routed', metadata: { team: 'a' } }, localAdminKey);
  const signed = { id: 'acc_signed', integration: 'github', secrets: { signing_secret: 's3cret' } };
  const account = await made('POST', '/v1/accounts', signed);
  const url = 'http://127.0.0.1:9/hooks';
  await made('POST', '/v1/subscriptions', {
    id: 'sub_all',
    url,
    description: 'all',
    metadata: { team: 'a' },
    ordering: 'record',
    headers: { 'x-key': 'value' },
    filter: 'true',
    types: ['record:*'],
    resources: ['ticketing/*'],
    signatures: ['v1', 'v1a'],
    rate_per_second: 5,
  });
  const failing = { id: 'sub_failing', url, retry: { schedule_seconds: [7200] } };
  await made('POST', '/v1/subscriptions', failing);
  await made('POST', '/v1/consumers', { name: 'warehouse', since: 'beginning' });
  await made('POST', '/v1/consumers/warehouse/lease', { limit: 1, ttl_seconds: 3600 });
  const bounds = { expires_at: '2099-01-01T00:00:00Z', rate_per_minute: 5 };
  await made('POST', '/v1/keys', { name: 'bounded', scopes: ['events:read'], ...bounds });
  const answer = await fetch(`${engine.url}/v1/consumers`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tenantKey}`, 'idempotency-key': 'one' },
    body: JSON.stringify({ name: 'lake' }),
  });
  expect(answer.status).toBe(201);
  // The second one's data is too large for a row.
  await github(account.webhook_url, { issue: 1 });
  await github(account.webhook_url, { issue: 2, padding: 20_000 });
  await github(account.webhook_url, { issue: 3, secret: 'another' });
  await eventually(async () => (await made('GET', '/v1/subscriptions/sub_failing/deliveries')).data.length >= 2);
  await made('POST', '/v1/subscriptions/sub_failing/replay', { mode: 'all' });
}

/** The attributes of all rows, by the logical id of their table. */
async function storedAttributes({ engine }: RunningEngine): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const client = new DynamoDBClient(engine.clientConfig('dynamodb'));
  const found = new Map<string, Set<string>>();
  try {
    for (const [key, table] of Object.entries(engine.environment('api'))) {
      if (!key.endsWith('_TABLE')) continue;
      const names = new Set<string>();
      for await (const { Items = [] } of paginateScan({ client }, { TableName: table, ConsistentRead: true }))
        for (const item of Items)
          for (const name of Object.keys(fromItem(item))) names.add(name.replace(/^rejected:.+/, 'rejected:…'));
      found.set(logicalId(key), names);
    }
  } finally {
    client.destroy();
  }
  return found;
}

/** `TRIBUTARY_API_KEYS_TABLE` -> `ApiKeysTable`. */
function logicalId(key: string): string {
  const [, ...words] = key.split('_');
  return words.map((word) => `${word.slice(0, 1)}${word.slice(1).toLowerCase()}`).join('');
}

/** The attributes that the page names, by table. */
function namedAttributes(page: string): ReadonlyMap<string, ReadonlySet<string>> {
  const sections = page.split(/^### /m).slice(1);
  return new Map(
    sections.map((section) => {
      const cells = [...section.matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell = '']) => cell);
      const names = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
      return [/^`(\w+)`/.exec(section)?.[1] ?? '', new Set(names)];
    }),
  );
}

test('every attribute of every row is on the page about data use', async () => {
  const engine = running();
  const demo = await runDemo(engine.engine.url, crm.provider);
  await furnish(engine);
  await demo.subscriber.stop();
  const page = readFileSync(new URL('../../../docs/operate/data-use.md', import.meta.url), 'utf8');
  const named = namedAttributes(page);
  const stored = await storedAttributes(engine);
  const unnamed = [...stored].map(([table, names]) => [
    table,
    [...names].filter((name) => named.get(table)?.has(name) !== true),
  ]);
  expect(Object.fromEntries(unnamed)).toEqual(Object.fromEntries([...stored.keys()].map((table) => [table, []])));
  // Otherwise the test would see too little.
  expect([...stored].filter(([, names]) => names.size === 0).map(([table]) => table)).toEqual(['ParkedRequestsTable']);
  expect([...stored.values()].reduce((sum, names) => sum + names.size, 0)).toBeGreaterThan(150);
}, 300_000);
