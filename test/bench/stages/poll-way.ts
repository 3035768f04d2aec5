import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { fromItem, type Row } from '../../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { environmentKeys } from '../../../lambdas/contracts/environment.ts';
import { loadDefinition, loadExchanges } from '../../../lib/cli/explain/load-integration.ts';
import { localAdminKey, seedApiKey } from '../../../lib/local/admin-key.ts';
import { type LocalEngine, startLocalEngine } from '../../../lib/local/engine.ts';
import type { GatedCall } from '../../../lib/local/faults/gated-call.ts';
import {
  type ProviderSimulator,
  startProviderSimulator,
} from '../../../lib/local/simulators/provider/provider-simulator.ts';
import { sharedAssembly } from '../shared-assembly.ts';

/** What dispatch, poll and their queue's poller cost. */
export interface PollRequests {
  /** AWS requests by operation and place: `dynamodb:PutItem syncs`. Receives that find nothing do not count. */
  readonly counts: Readonly<Record<string, number>>;
  /** Those of poll alone: it waits for them. */
  readonly ofPoll: number;
  /** Invocations of poll. */
  readonly invocations: number;
}

/** Where requests go, by the key in the environment of poll. */
const places = {
  [environmentKeys.syncsTable]: 'syncs',
  [environmentKeys.recordsTable]: 'records',
  [environmentKeys.eventsTable]: 'events',
  [environmentKeys.idempotencyTable]: 'claims',
  [environmentKeys.limitsTable]: 'limits',
  [environmentKeys.accountsTable]: 'accounts',
  [environmentKeys.credentialsTable]: 'credentials',
  [environmentKeys.tenantsTable]: 'tenants',
  [environmentKeys.subscriptionsTable]: 'subscriptions',
  [environmentKeys.statisticsTable]: 'statistics',
  [environmentKeys.payloadsBucket]: 'payloads',
  [environmentKeys.pollQueueUrl]: 'polls',
} as const;

/** A sync of one resource through the local engine, which polls a simulated provider with many records. */
export interface PollWay {
  /** The first run, which finds every record new. */
  readonly first: PollRequests;
  /** Let time pass: then dispatch looks once, and what is due runs. */
  pass(ms: number): Promise<PollRequests>;
  /** Read and compare every record, as a caller may ask for it. */
  full(): Promise<PollRequests>;
  pause(): Promise<void>;
  /** Stored rows of a table, by its key in the environment of poll. */
  rows(tableKey: string): Promise<readonly Row[]>;
  stop(): Promise<void>;
}

const integration = 'legacy-crm';
const resource = 'crm/contacts';
const account = 'acc_polled';
const sync = 'polled';
const integrations = fileURLToPath(new URL('../../../integrations', import.meta.url));
const lookMs = 20;

/** @param records - What the provider has from the start. */
export async function startPollWay(records: number): Promise<PollWay> {
  let calls: GatedCall[] = [];
  const engine = await startLocalEngine({
    ...(await sharedAssembly()),
    port: 0,
    // One instance of each function keeps its caches, as one that has been warm for a while.
    maxSandboxesPerFunction: 1,
    judgeCall: (call) => void calls.push(call),
  });
  const provider = await startProvider(engine, records);
  await seedApiKey(engine, localAdminKey, null);
  await send(engine, 'POST', '/v1/accounts', {
    id: account,
    tenant: 'acme',
    integration,
    base_url: `${provider.url}/v1`,
    credentials: { type: 'api_key', ...provider.credentials.api_key },
    syncs: 'off',
  });
  const nameOf = (key: string) => (engine.environment('poll')[key] ?? '').split('/').at(-1) ?? '';
  const placeByName = new Map(Object.entries(places).map(([key, place]) => [nameOf(key), place]));
  const placeOf = (resource: string) =>
    resource
      .split('+')
      .flatMap((name) => placeByName.get(name) ?? [])
      .sort()
      .join('+');
  const dynamodb = new DynamoDBClient(engine.clientConfig('dynamodb'));
  const path = `/v1/accounts/${account}/syncs`;
  /** What an action causes until nothing works any more, and no run is under way. */
  const follow = async (act: () => Promise<unknown>): Promise<PollRequests> => {
    while (engine.isAtWork()) await sleep(lookMs);
    calls = [];
    const before = engine.invocations('poll').succeeded;
    await act();
    while (engine.isAtWork() || (await read(engine, `${path}/${sync}`)).status === 'running') await sleep(lookMs);
    return { ...countCalls(calls, placeOf), invocations: engine.invocations('poll').succeeded - before };
  };
  const job = { id: sync, resources: [{ resource, by: 'changes' }], every: '1m', reconcile: 'off' };
  const first = await follow(() => send(engine, 'POST', path, job));
  return {
    first,
    pass: (ms) => follow(() => engine.advanceClock(ms)),
    full: () => follow(() => send(engine, 'POST', `${path}/${sync}/run`, { mode: 'full' })),
    pause: () => send(engine, 'POST', `${path}/${sync}/pause`, {}),
    async rows(tableKey) {
      const rows: Row[] = [];
      let ExclusiveStartKey: ScanCommand['input']['ExclusiveStartKey'];
      do {
        const page = await dynamodb.send(new ScanCommand({ TableName: nameOf(tableKey), ExclusiveStartKey }));
        rows.push(...(page.Items ?? []).map(fromItem));
        ExclusiveStartKey = page.LastEvaluatedKey;
      } while (ExclusiveStartKey !== undefined);
      return rows;
    },
    async stop() {
      dynamodb.destroy();
      await engine.stop();
      await provider.stop();
    },
  };
}

function countCalls(calls: readonly GatedCall[], placeOf: (resource: string) => string) {
  const counts: Record<string, number> = {};
  let ofPoll = 0;
  const count = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  for (const { caller, service, operation, resource: name } of calls) {
    const place = placeOf(name);
    if (caller === 'poll') ofPoll += 1;
    if (caller === 'poll' || caller === 'dispatch') count(`${service}:${operation} ${place}`.trimEnd());
    // A message is received once, and deleted; the poller asks for others all the time.
    if (caller === 'poller' && place === 'polls' && operation === 'DeleteMessageBatch') {
      count('sqs:ReceiveMessage polls');
      count('sqs:DeleteMessageBatch polls');
    }
  }
  return { counts, ofPoll };
}

function startProvider(engine: LocalEngine, records: number): Promise<ProviderSimulator> {
  return startProviderSimulator({
    definition: loadDefinition(integrations, integration),
    exchanges: loadExchanges(integrations, integration),
    records: { [resource]: records },
    clock: { nowMs: () => engine.now() },
    port: 0,
  });
}

async function send(engine: LocalEngine, method: string, path: string, body: object): Promise<void> {
  await answerOf(engine, path, { method, body: JSON.stringify(body) });
}

async function read(engine: LocalEngine, path: string): Promise<{ readonly status: string }> {
  return (await (await answerOf(engine, path, {})).json()) as { readonly status: string };
}

async function answerOf(engine: LocalEngine, path: string, init: RequestInit): Promise<Response> {
  const headers = { authorization: `Bearer ${localAdminKey}`, 'content-type': 'application/json' };
  const response = await fetch(`${engine.url}${path}`, { ...init, headers });
  if (!response.ok)
    throw new Error(`${init.method ?? 'GET'} ${path} answered ${response.status}: ${await response.text()}`);
  return response;
}
