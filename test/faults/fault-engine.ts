import {
  BatchWriteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  QueryCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { GetQueueAttributesCommand, PurgeQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { environmentKeys, functionEnvironments } from '../../lambdas/contracts/environment.ts';
import { seedApiKey } from '../../lib/local/admin-key.ts';
import { type LocalEngine, startLocalEngine } from '../../lib/local/engine.ts';
import { type ProviderStandIn, startProviderStandIn } from '../e2e/provider-stand-in.ts';
import type { CallInjector } from './call-injector.ts';
import { createLeftovers, type Leftovers } from './leftovers.ts';
import { type SubscriberServer, startSubscriberServer } from './subscribers.ts';
import { standInOrigins } from './test-provider.ts';

export type Row = Readonly<Record<string, unknown>>;

/** The answer to a caller's request. */
export interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- scenarios read answers without a schema
  readonly body: any;
}

/** Messages of all queues together; `dead` counts those on dead-letter queues. */
export interface QueueDepth {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly dead: number;
}

/** An engine that serves many runs, one at a time, each with its own tenant. */
export interface FaultEngine {
  readonly engine: LocalEngine;
  readonly subscribers: SubscriberServer;
  /** Serves the API of every provider that a path calls. */
  readonly provider: ProviderStandIn;
  /** Counts and fails the calls of the current run; undefined between runs. */
  injector: CallInjector | undefined;
  /** Short name of a table, bucket or queue: `events`. */
  readonly nameOf: (resource: string) => string;
  /** Call the API with a key of this name from now on. A new key per run, because recording its last use is a call. */
  readonly takeKey: (name: string) => Promise<void>;
  readonly call: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>;
  readonly post: (
    url: string,
    body: string,
    headers: Readonly<Record<string, string>>,
  ) => Promise<Answer & { readonly headers: Headers }>;
  /** Open a page as a browser does, without following a redirect. */
  readonly visit: (path: string) => Promise<{ readonly status: number; readonly location: string | undefined }>;
  /** Wait until no function works or has work to receive. @returns The messages that wait for their time. */
  readonly untilIdle: () => Promise<QueueDepth>;
  /** Wait until the queues notice that waiting messages have become due. */
  readonly untilNoticed: (before: QueueDepth) => Promise<void>;
  /** Advance the clock by at least this much, into a new minute. Dispatch runs once. */
  readonly letTimePass: (ms: number) => Promise<void>;
  readonly partition: (table: TableKey, key: string, value: string) => Promise<readonly Row[]>;
  readonly item: (table: TableKey, key: Readonly<Record<string, { S: string }>>) => Promise<Row | undefined>;
  readonly leftovers: Leftovers;
  /** Delete the work that a failed run left, so that it does not affect the next one. */
  readonly reset: () => Promise<void>;
  stop(): Promise<void>;
}

type TableKey = Extract<keyof typeof environmentKeys, `${string}Table`>;

/** Work that takes longer waits for the clock, for example for the lease of a killed function. */
const waitingMs = 5_000;
/** Work that takes longer is stuck. */
const idleTimeoutMs = 40_000;
/** Queues read their clock every 20 ms. A message that became due and was received in between goes unnoticed. */
const noticeTimeoutMs = 300;
/** Between two checks. */
const tickMs = 2;
const minuteMs = 60_000;

const tick = () => new Promise<void>((resolve) => setTimeout(resolve, tickMs));

/** Start an engine whose calls to AWS all pass through the injector of the current run. */
export async function startFaultEngine(assembly: {
  readonly assemblyDir: string;
  readonly stackName: string;
}): Promise<FaultEngine> {
  let injector: CallInjector | undefined;
  const provider = await startProviderStandIn();
  const engine = await startLocalEngine({
    ...assembly,
    port: 0,
    // One sandbox, so that the calls of a function come in a fixed order.
    maxSandboxesPerFunction: 1,
    hosts: standInOrigins.map((origin) => `${origin}=${provider.origin}`),
    judgeCall: (call) => injector?.judge(call),
  });
  const subscribers = await startSubscriberServer(() => {
    if (!engine.killWorker('drain')) engine.killWorker('deliver');
  });
  let key = '';

  const sqs = new SQSClient(engine.clientConfig('sqs'));
  const dynamo = new DynamoDBClient(engine.clientConfig('dynamodb'));
  const queueUrls = engine.resources.filter(({ type }) => type === 'AWS::SQS::Queue').map(({ ref }) => ref);
  // The local stage has no canary.
  const names = Object.keys(functionEnvironments).filter((name) => name !== 'canary');
  const environment = Object.assign({}, ...names.map((name) => engine.environment(name))) as Record<string, string>;
  const shortNames = new Map(
    Object.entries(environmentKeys).map(([key, variable]) => [
      (environment[variable] ?? '').split('/').at(-1) ?? '',
      key.replace(/(Table|Bucket|QueueUrl)$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    ]),
  );

  const depth = async (): Promise<QueueDepth> => {
    const all = await Promise.all(
      queueUrls.map(async (QueueUrl) => {
        const { Attributes = {} } = await sqs.send(
          new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
        );
        return {
          visible: Number(Attributes['ApproximateNumberOfMessages']),
          inFlight: Number(Attributes['ApproximateNumberOfMessagesNotVisible']),
          delayed: Number(Attributes['ApproximateNumberOfMessagesDelayed']),
          isDead: Attributes['RedrivePolicy'] === undefined,
        };
      }),
    );
    const sum = (of: (queue: (typeof all)[number]) => number) => all.reduce((total, one) => total + of(one), 0);
    return {
      visible: sum(({ visible, isDead }) => (isDead ? 0 : visible)),
      inFlight: sum(({ inFlight }) => inFlight),
      delayed: sum(({ delayed }) => delayed),
      dead: sum(({ visible, isDead }) => (isDead ? visible : 0)),
    };
  };

  const request = async (
    method: string,
    url: string,
    headers: Readonly<Record<string, string>>,
    body: string | undefined,
  ) => {
    const response = await fetch(url, { method, headers: { ...headers }, ...(body === undefined ? {} : { body }) });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };

  const tableOf = (table: TableKey) => environment[environmentKeys[table]] ?? '';
  const clear = async (table: TableKey, keys: readonly string[]) => {
    const TableName = tableOf(table);
    const { Items = [] } = await dynamo.send(new ScanCommand({ TableName }));
    for (let at = 0; at < Items.length; at += 25)
      await dynamo.send(
        new BatchWriteItemCommand({
          RequestItems: {
            [TableName]: Items.slice(at, at + 25).map((item) => ({
              DeleteRequest: { Key: Object.fromEntries(keys.map((key) => [key, item[key] as { S: string }])) },
            })),
          },
        }),
      );
  };

  return {
    engine,
    subscribers,
    provider,
    get injector() {
      return injector;
    },
    set injector(next) {
      injector = next;
    },
    nameOf: (resource) => shortNames.get(resource) ?? resource,
    async takeKey(name) {
      key = `tk_${name}_secret`;
      await seedApiKey(engine, key, null);
    },
    call: (method, path, body, headers = {}) =>
      request(
        method,
        `${engine.url}${path}`,
        {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body === undefined ? undefined : JSON.stringify(body),
      ),
    post: (url, body, headers) => request('POST', url, { 'content-type': 'application/json', ...headers }, body),
    async visit(path) {
      const response = await fetch(`${engine.url}${path}`, { redirect: 'manual' });
      await response.text();
      return { status: response.status, location: response.headers.get('location') ?? undefined };
    },
    async untilIdle() {
      const untilMs = performance.now() + idleTimeoutMs;
      let last: QueueDepth | undefined;
      let workingSinceMs = performance.now();
      while (performance.now() < untilMs) {
        if (engine.isAtWork()) {
          last = undefined;
          await tick();
          if (performance.now() - workingSinceMs < waitingMs) continue;
          await engine.advanceClock(minuteMs);
          workingSinceMs = performance.now();
          continue;
        }
        workingSinceMs = performance.now();
        const found = await depth();
        // Require two calm readings in a row: a function works by then on what was received in between.
        const isCalm = !engine.isAtWork() && found.visible === 0;
        if (isCalm && last !== undefined) return found;
        last = isCalm ? found : undefined;
        await tick();
      }
      throw new Error(`the engine was still busy after ${idleTimeoutMs / 1000} s`);
    },
    async untilNoticed(before) {
      const untilMs = performance.now() + noticeTimeoutMs;
      while (performance.now() < untilMs && !engine.isAtWork()) {
        const found = await depth();
        if (found.inFlight !== before.inFlight || found.delayed !== before.delayed) return;
        await tick();
      }
    },
    async letTimePass(ms) {
      const targetMs = Math.ceil((engine.now() + ms) / minuteMs) * minuteMs + 1_000;
      await engine.advanceClock(targetMs - engine.now());
    },
    async partition(table, key, value) {
      const { Items = [] } = await dynamo.send(
        new QueryCommand({
          TableName: tableOf(table),
          KeyConditionExpression: '#key = :value',
          ExpressionAttributeNames: { '#key': key },
          ExpressionAttributeValues: { ':value': { S: value } },
        }),
      );
      return Items.map((item) => unmarshall(item));
    },
    async item(table, key) {
      const { Item } = await dynamo.send(new GetItemCommand({ TableName: tableOf(table), Key: key }));
      return Item === undefined ? undefined : unmarshall(Item);
    },
    leftovers: createLeftovers(
      dynamo,
      sqs,
      {
        deliveries: tableOf('deliveriesTable'),
        parkedRequests: tableOf('parkedRequestsTable'),
        syncs: tableOf('syncsTable'),
        pollQueueUrl: environment[environmentKeys.pollQueueUrl] ?? '',
      },
      () => engine.now(),
    ),
    async reset() {
      await Promise.all(queueUrls.map((QueueUrl) => sqs.send(new PurgeQueueCommand({ QueueUrl }))));
      await clear('deliveriesTable', ['subscription', 'delivery']);
      await clear('limitsTable', ['id']);
      await clear('fetchesTable', ['queue', 'record']);
      await clear('syncsTable', ['account', 'row']);
    },
    async stop() {
      sqs.destroy();
      dynamo.destroy();
      await subscribers.stop();
      await engine.stop();
      await provider.stop();
    },
  };
}
