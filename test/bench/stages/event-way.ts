import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { chunks } from '../../../lambdas/adapters/dynamo/rows/chunks.ts';
import { fromItem, type Row } from '../../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { writeRows } from '../../../lambdas/adapters/dynamo/rows/row-writes.ts';
import { createDynamoEndpointStore } from '../../../lambdas/adapters/dynamo/stores/endpoint-store.ts';
import { environmentKeys } from '../../../lambdas/contracts/environment.ts';
import { newEndpoint } from '../../../lambdas/engine/delivery/endpoint-state.ts';
import { startEmulator } from '../../../lib/local/emulators/emulator.ts';
import { provision } from '../../../lib/local/emulators/provision.ts';
import { runtimeEnvironment } from '../../../lib/local/sandbox/runtime-environment.ts';
import { toProxyEvent } from '../../../lib/local/sources/http-payload.ts';
import { toSqsEvent } from '../../../lib/local/sources/queue-batch.ts';
import { readStackAssembly } from '../../../lib/local/template/assembly.ts';
import type { QueueSourceModel } from '../../../lib/local/template/event-sources.ts';
import { localRegion } from '../../../lib/local/template/resource-type.ts';
import { readStackModel, type StackModel } from '../../../lib/local/template/stack-model.ts';
import { githubHeaders, githubIssue } from '../github-issue.ts';
import type { CpuProfile } from './cpu-profile.ts';
import {
  functionNames,
  type MeasuredFunction,
  type StageCost,
  type StageData,
  type StageMessage,
  type StageName,
} from './protocol.ts';

/**
 * The path of events through the deployed bundles, batch by batch, on emulators. Every batch has the requested size.
 */
export interface EventWay {
  /** Send events from their provider to one subscriber. */
  run(run: WayRun): Promise<WayCost>;
  /** A run of dispatch when nothing is due. */
  dispatch(): Promise<StageCost>;
  /** Profile the functions' thread during an action. */
  profile(act: () => Promise<unknown>): Promise<CpuProfile>;
  /** Stored rows of a table. */
  rows(tableKey: string): Promise<readonly Row[]>;
  stop(): Promise<void>;
}

export interface WayRun {
  readonly events: number;
  readonly bodyBytes: number;
  /** Messages per invocation. A message for deliver holds the events of one batch of normalize. */
  readonly batches: Readonly<Record<'normalize' | 'deliver', number>>;
  /**
   * Messages that wait for normalize behind those of the run. They stay in the queue, so this must be the last run.
   *
   * @default 0
   */
  readonly backlog?: number;
}

/** The cost of the events, by stage; `poller` is Lambda's own, which receives and deletes messages. */
export interface WayCost {
  readonly events: number;
  readonly delivered: number;
  readonly stages: Readonly<Record<StageName, StageTotal>>;
  readonly poller: Readonly<Record<string, number>>;
}

export interface StageTotal extends StageCost {
  readonly invocations: number;
}

/** The accounts and subscriptions that the engine knows. */
export interface Population {
  /** Tenants that receive events in turn. */
  readonly tenants: number;
  /** Subscriptions per tenant. */
  readonly subscriptions: number;
  /** How many of them match the events. @default 1 */
  readonly matching?: number;
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
const maxEntries = 10;
const sendersAtATime = 8;
/** Rows written at a time: a client makes some 50 calls in parallel. */
const rowsAtATime = 1_000;
const secret = 's3cret';
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };

export async function startEventWay(
  { assemblyDir, stackName }: { readonly assemblyDir: string; readonly stackName: string },
  population: Population = { tenants: 1, subscriptions: 1 },
): Promise<EventWay> {
  const assembly = await readStackAssembly(assemblyDir, stackName);
  const crashed = (error: Error) => {
    throw error;
  };
  const emulators = await Promise.all([startEmulator('dynalite', crashed), startEmulator('fauxqs', crashed)]);
  const [dynamodb, fauxqs] = emulators.map(({ endpoint }) => endpoint) as [string, string];
  const here = { http: 'http://localhost', functionUrl: 'http://localhost' };
  const others = { eventbridge: fauxqs, kms: fauxqs, kinesis: fauxqs, sts: fauxqs, ...here };
  const endpoints = { dynamodb, sqs: fauxqs, s3: fauxqs, ...others };
  const model = readStackModel(assembly, endpoints);
  const clients = {
    dynamodb: new DynamoDBClient({ endpoint: dynamodb, region: localRegion, credentials }),
    sqs: new SQSClient({ endpoint: fauxqs, region: localRegion, credentials, md5: false }),
    s3: new S3Client({ endpoint: fauxqs, region: localRegion, credentials }),
  };
  await provision(model, clients);
  const subscriber = await startSubscriber();
  await seed(model, clients.dynamodb, subscriber.url, population);
  const functions = await startFunctions(model, endpoints);
  const sourceOf = (stage: StageName) =>
    model.queueSources.find((source) => source.function.label === stage) as QueueSourceModel;

  /** As Lambda's poller gathers them in a batching window: ten in each receive. */
  const receiveBatch = async (url: string, size: number): Promise<Message[]> => {
    const messages: Message[] = [];
    while (messages.length < size) {
      const { Messages = [] } = await clients.sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: url,
          MaxNumberOfMessages: Math.min(maxEntries, size - messages.length),
          MessageSystemAttributeNames: ['All'],
          MessageAttributeNames: ['All'],
        }),
      );
      if (Messages.length === 0) break;
      messages.push(...Messages);
    }
    return messages;
  };

  let records = 0;
  return {
    async run({ events, batches, bodyBytes, backlog = 0 }) {
      const before = subscriber.count();
      const stages = { ingress: noCost(), normalize: noCost(), deliver: noCost() };
      const poller: Record<string, number> = {};
      const poll = async (stage: 'normalize' | 'deliver', maxMessages: number) => {
        const { queue } = sourceOf(stage);
        for (let left = maxMessages; left > 0; ) {
          const messages = await receiveBatch(queue.url, Math.min(left, batches[stage]));
          if (messages.length === 0) return;
          left -= messages.length;
          await functions.invoke(stage, toSqsEvent(messages, queue.arn), stages);
          for (const some of chunks(messages, maxEntries)) {
            const Entries = some.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
            await clients.sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queue.url, Entries }));
          }
          for (const operation of ['sqs:ReceiveMessage', 'sqs:DeleteMessageBatch'])
            poller[operation] = (poller[operation] ?? 0) + Math.ceil(messages.length / maxEntries);
        }
      };
      for (let sent = 0; sent < events; sent += 1) {
        records += 1;
        await functions.invoke('ingress', webhook(records, bodyBytes, `acc_${records % population.tenants}`), stages);
      }
      await fill(clients.sqs, sourceOf('normalize').queue.url, backlog, bodyBytes);
      await poll('normalize', events);
      await poll('deliver', Number.POSITIVE_INFINITY);
      return { events, delivered: subscriber.count() - before, stages, poller };
    },
    dispatch: () => functions.call('dispatch', {}),
    profile: (act) => functions.profile(act),
    async rows(tableKey) {
      const environment: Readonly<Record<string, string>> = Object.assign(
        {},
        ...model.functions.map((one) => one.environment),
      );
      const { Items = [] } = await clients.dynamodb.send(new ScanCommand({ TableName: environment[tableKey] }));
      return Items.map(fromItem);
    },
    async stop() {
      await functions.stop();
      for (const client of Object.values(clients)) client.destroy();
      await Promise.all([subscriber.stop(), ...emulators.map((emulator) => emulator.stop())]);
    },
  };
}

/** Send messages that no run receives. */
async function fill(sqs: SQSClient, QueueUrl: string, messages: number, bodyBytes: number): Promise<void> {
  const entries = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ Id: String(index), MessageBody: githubIssue(index, bodyBytes) }));
  let left = messages;
  await Promise.all(
    Array.from({ length: sendersAtATime }, async () => {
      while (left > 0) {
        const count = Math.min(left, maxEntries);
        left -= count;
        await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: entries(count) }));
      }
    }),
  );
}

/** Start the thread of the functions. */
async function startFunctions(model: StackModel, endpoints: Parameters<typeof runtimeEnvironment>[1]) {
  const modelOf = (stage: MeasuredFunction) =>
    model.functions.find(({ label }) => label === stage) as StackModel['functions'][number];
  const environments = functionNames.map((stage) => runtimeEnvironment(modelOf(stage), endpoints, stage));
  const bundles = Object.fromEntries(functionNames.map((name) => [name, modelOf(name).codeFolder]));
  const worker = new Worker(new URL('./stage-worker.ts', import.meta.url), {
    // Functions share a variable only for the same resource, so their environments can be merged.
    env: Object.assign({}, ...environments) as Record<string, string>,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    workerData: { bundles: bundles as StageData['bundles'] } satisfies StageData,
  });
  const next = (): Promise<StageMessage> =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  await next();
  worker.removeAllListeners('error');
  const call = async (stage: MeasuredFunction, event: unknown) => {
    worker.postMessage({ stage, event });
    const message = await next();
    worker.removeAllListeners('error');
    if (message.kind !== 'ended') throw new Error(message.kind === 'failed' ? message.message : message.kind);
    return message;
  };
  return {
    call: async (name: MeasuredFunction, event: unknown) => (await call(name, event)).cost,
    async invoke(stage: StageName, event: unknown, totals: Record<StageName, StageTotal>): Promise<void> {
      const message = await call(stage, event);
      const failures = (message.result as { readonly batchItemFailures?: readonly unknown[] }).batchItemFailures ?? [];
      const { statusCode = 200 } = message.result as { readonly statusCode?: number };
      if (failures.length > 0 || statusCode >= 300) throw new Error(`${stage}: ${JSON.stringify(message.result)}`);
      totals[stage] = add(totals[stage], message.cost);
    },
    async profile(act: () => Promise<unknown>): Promise<CpuProfile> {
      const profiling = await worker.startCpuProfile();
      await act();
      return JSON.parse(printable(await profiling.stop())) as CpuProfile;
    },
    stop: () => worker.terminate(),
  };
}

/** Node does not escape special characters in the names of functions and files. */
function printable(json: string): string {
  return json.replace(/[^ -\uFFFF]/g, ' ').replace(/\\(?!["\\/bfnrtu])/g, '');
}

function noCost(): StageTotal {
  return {
    invocations: 0,
    requests: {},
    groupedSends: 0,
    cpuUs: 0,
    durationMs: 0,
    logBytes: 0,
    logLines: 0,
    metrics: [],
  };
}

function add(total: StageTotal, cost: StageCost): StageTotal {
  const requests = { ...total.requests };
  for (const [operation, count] of Object.entries(cost.requests))
    requests[operation] = (requests[operation] ?? 0) + count;
  return {
    invocations: total.invocations + 1,
    requests,
    groupedSends: total.groupedSends + cost.groupedSends,
    cpuUs: total.cpuUs + cost.cpuUs,
    durationMs: total.durationMs + cost.durationMs,
    logBytes: total.logBytes + cost.logBytes,
    logLines: total.logLines + cost.logLines,
    metrics: [...new Set([...total.metrics, ...cost.metrics])],
  };
}

/** Accounts, and subscriptions with an endpoint that is known to be fast: the usual case. */
async function seed(
  { functions }: StackModel,
  client: DynamoDBClient,
  url: string,
  { tenants, subscriptions, matching = 1 }: Population,
): Promise<void> {
  const environment: Readonly<Record<string, string>> = Object.assign({}, ...functions.map((one) => one.environment));
  const table = (key: string) => environment[key] ?? '';
  const createdAt = new Date().toISOString();
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
  const common = (number: number) => ({ tenant: `tenant_${number}`, createdAt, revision: 1 });
  const write = async (key: string, rows: readonly Row[]) => {
    for (const some of chunks(rows, rowsAtATime)) await writeRows(client, table(key), some);
  };
  await write(
    environmentKeys.accountsTable,
    numbers(tenants).map((tenant) => ({
      ...common(tenant),
      id: `acc_${tenant}`,
      integration: 'github',
      secrets: { signing_secret: secret },
      context: '{}',
    })),
  );
  await write(
    environmentKeys.subscriptionsTable,
    numbers(tenants).flatMap((tenant) =>
      numbers(subscriptions).map((number) => ({
        ...common(tenant),
        id: `sub_${tenant}_${number}`,
        url,
        status: 'enabled',
        types: number < matching ? [] : ['record:deleted'],
        resources: [],
        integrations: [],
        accounts: [],
        secrets: [{ value: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', createdAt }],
        endpoint: { headers: {}, timeout_seconds: 15 },
        shaping: { envelope: 'tributary' },
        ordering: 'none',
        concurrency: 100,
      })),
    ),
  );
  const endpoints = createDynamoEndpointStore(client, table(environmentKeys.limitsTable), newEndpoint);
  const fast = numbers(tenants).flatMap((tenant) =>
    numbers(matching).map((number) => newEndpoint(`tenant_${tenant}`, `sub_${tenant}_${number}`)),
  );
  for (const some of chunks(fast, rowsAtATime))
    await Promise.all(some.map((endpoint) => endpoints.replace({ ...endpoint, latencyMs: 5 }, undefined)));
}

function webhook(id: number, bodyBytes: number, account: string): APIGatewayProxyEventV2 {
  const body = githubIssue(id, bodyBytes);
  const headers = { host: 'localhost', 'content-length': String(body.length), ...githubHeaders(id, body, secret) };
  return toProxyEvent(
    {
      method: 'POST',
      target: `/in/github/${account}`,
      httpVersion: '1.1',
      rawHeaders: Object.entries(headers).flat(),
      sourceIp: '192.0.2.17',
      body: Buffer.from(body),
    },
    {
      routeKey: 'ANY /in/{integration}/{account}',
      pathParameters: { integration: 'github', account },
      apiId: 'bench',
      port: 80,
      nowMs: Date.now(),
    },
  );
}

async function startSubscriber() {
  let count = 0;
  const server = createServer((request, response) => {
    count += 1;
    request.resume();
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    count: () => count,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
