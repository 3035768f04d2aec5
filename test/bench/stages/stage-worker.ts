/** The deployed bundles of an event's path in one thread. Measures one invocation at a time. */
import { randomUUID } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import { readdirSync, readFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import {
  functionNames,
  type MeasuredFunction,
  type StageData,
  type StageMessage,
  type StageOrder,
} from './protocol.ts';

type Handler = (event: unknown, context: object) => Promise<unknown>;

if (parentPort === null) throw new Error('This file runs as a worker thread of test/bench/stages only.');
const port = parentPort;
const post = (message: StageMessage) => port.postMessage(message);

let requests: Record<string, number> = {};
let groupedSends = 0;
let logBytes = 0;
let logLines = 0;
/** Log lines from which CloudWatch creates metrics. */
let metricLines: string[] = [];
// The SDK uses node:http and callbacks use undici, so this counts AWS requests only.
subscribe('http.client.request.start', (message) => {
  const operation = operationOf((message as { readonly request: ClientRequest }).request);
  requests[operation] = (requests[operation] ?? 0) + 1;
});
// Emulators do not report the message group of a standard queue's message, so look for it in the request.
subscribe('http.client.request.created', (message) => {
  const { request } = message as { readonly request: ClientRequest };
  if (!operationOf(request).startsWith('sqs:Send')) return;
  let isGrouped = false;
  const look = (chunk: unknown) => {
    const text = chunk instanceof Uint8Array ? Buffer.from(chunk).toString('latin1') : chunk;
    if (isGrouped || typeof text !== 'string' || !text.includes('"MessageGroupId"')) return;
    isGrouped = true;
    groupedSends += 1;
  };
  for (const method of ['write', 'end'] as const) {
    const original = request[method].bind(request) as (...args: unknown[]) => unknown;
    Object.assign(request, {
      [method]: (...args: unknown[]) => {
        look(args[0]);
        return original(...args);
      },
    });
  }
});
for (const stream of [process.stdout, process.stderr])
  stream.write = (chunk: string | Uint8Array) => {
    logBytes += Buffer.byteLength(chunk);
    logLines += 1;
    if (typeof chunk === 'string' && chunk.includes('"_aws"')) metricLines.push(chunk);
    return true;
  };

const handlers = new Map<MeasuredFunction, Handler>();
const { bundles } = workerData as StageData;
for (const name of functionNames) {
  const module = (await import(pathToFileURL(join(bundles[name], 'index.mjs')).href)) as { readonly handler: Handler };
  handlers.set(name, module.handler);
}
port.on('message', (order: StageOrder) => void invoke(order));
post({ kind: 'ready' });

async function invoke({ stage, event }: StageOrder): Promise<void> {
  requests = {};
  groupedSends = 0;
  logBytes = 0;
  logLines = 0;
  metricLines = [];
  const startedMs = performance.now();
  // Reading it takes time, which is not the function's.
  const expressionsBefore = expressionCpuUs();
  const before = process.threadCpuUsage();
  try {
    const result = await (handlers.get(stage) as Handler)(event, context(stage));
    const { user, system } = process.threadCpuUsage(before);
    const cpuUs = user + system + expressionCpuUs() - expressionsBefore;
    const cost = {
      requests,
      groupedSends,
      cpuUs,
      durationMs: performance.now() - startedMs,
      logBytes,
      logLines,
      metrics: metricsOf(metricLines),
    };
    post({ kind: 'ended', result, cost });
  } catch (error) {
    post({ kind: 'failed', message: `${stage}: ${(error as Error).stack}` });
  }
}

/** Custom metrics by name and dimensions, as CloudWatch counts them. */
function metricsOf(lines: readonly string[]): readonly string[] {
  const found = lines.flatMap((line) => {
    const fields = JSON.parse(line) as Record<string, unknown> & { readonly _aws: EmbeddedMetrics };
    return fields._aws.CloudWatchMetrics.flatMap(({ Dimensions, Metrics }) =>
      Dimensions.flatMap((keys) =>
        Metrics.map(({ Name }) => [Name, ...keys.map((key) => `${key}=${String(fields[key])}`)].join(' ')),
      ),
    );
  });
  return [...new Set(found)];
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
interface EmbeddedMetrics {
  readonly CloudWatchMetrics: readonly {
    readonly Dimensions: readonly (readonly string[])[];
    readonly Metrics: readonly { readonly Name: string }[];
  }[];
}

/** CPU of the processes that evaluate expressions for the functions. It counts as the engine's own. */
function expressionCpuUs(): number {
  return childrenOf(process.pid)
    .filter((pid) => read(`/proc/${pid}/cmdline`).includes('expressions.mjs'))
    .flatMap((pid) => readdirSync(`/proc/${pid}/task`).map((thread) => read(`/proc/${pid}/task/${thread}/schedstat`)))
    .reduce((sum, times) => sum + Number(times.split(' ')[0]) / 1000, 0);
}

function childrenOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((thread) => read(`/proc/${pid}/task/${thread}/children`).split(' '))
    .filter((child) => child !== '');
}

/** A process that ended before the read reports no CPU. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function context(functionName: string): object {
  return {
    awsRequestId: randomUUID(),
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${functionName}`,
    memoryLimitInMB: '1024',
    getRemainingTimeInMillis: () => 30_000,
  };
}

function operationOf(request: ClientRequest): string {
  const [service, operation] = String(request.getHeader('x-amz-target') ?? '').split('.');
  if (operation === undefined) return `s3:${request.method === 'GET' ? 'GetObject' : 'PutObject'}`;
  return `${service === 'AmazonSQS' ? 'sqs' : 'dynamodb'}:${operation}`;
}
