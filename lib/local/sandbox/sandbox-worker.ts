/** The thread of one Lambda execution environment: it loads a bundle, then runs one event after another. */
import { subscribe } from 'node:diagnostics_channel';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { shiftDate } from '../time/clock-shift.ts';
import type { FunctionError, InvokeMessage, Output, SandboxData, SandboxMessage, SandboxNews } from './protocol.ts';

/** @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const maxPayloadBytes = 6 * 1024 * 1024;

type Handler = (event: unknown, context: object) => unknown;

if (parentPort === null) throw new Error('This file runs only as a worker thread of lib/local/sandbox.');
const port = parentPort;
const data = workerData as SandboxData;
let output: Output[] = [];
const post = (news: SandboxNews) => {
  port.postMessage({ ...news, output } satisfies SandboxMessage);
  output = [];
};

shiftDate(data.clockOffsetMs);
// Output and results use the same port, so a line that is logged before an answer arrives before it.
captureOutput('stdout');
captureOutput('stderr');
process.on('exit', flush);
// Before an AWS request leaves, so that the log of a function that is killed during the request is complete.
subscribe('http.client.request.created', flush);

try {
  const handler = await loadHandler();
  port.on('message', (message: InvokeMessage) => void invoke(handler, message));
  post({ kind: 'ready' });
} catch (error) {
  post({ kind: 'init-failed', error: describeError(error) });
}

async function loadHandler(): Promise<Handler> {
  const [file = '', name = ''] = data.handler.split('.');
  const path = ['.mjs', '.js', '.cjs']
    .map((ending) => join(data.codeFolder, file + ending))
    .find((one) => existsSync(one));
  if (path === undefined) throw new Error(`Cannot find module '${file}' in ${data.codeFolder}`);
  const module = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  const handler = module[name] ?? (module['default'] as Record<string, unknown> | undefined)?.[name];
  if (typeof handler !== 'function') throw new Error(`${data.handler} is undefined or not exported`);
  return handler as Handler;
}

async function invoke(handler: Handler, { requestId, event, traceHeader, timeoutMs }: InvokeMessage): Promise<void> {
  process.env['_X_AMZN_TRACE_ID'] = traceHeader;
  try {
    const result = await handler(event, createContext(requestId, timeoutMs));
    const payload = JSON.stringify(result) ?? 'null';
    const sizeBytes = Buffer.byteLength(payload);
    if (sizeBytes > maxPayloadBytes) {
      const errorMessage = `Response payload size exceeded maximum allowed payload size (${maxPayloadBytes} bytes).`;
      return post({ kind: 'failed', requestId, error: { errorType: 'Function.ResponseSizeTooLarge', errorMessage } });
    }
    post({ kind: 'succeeded', requestId, payload });
  } catch (error) {
    post({ kind: 'failed', requestId, error: describeError(error) });
  }
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
function createContext(awsRequestId: string, timeoutMs: number): object {
  // Not `Date`, because moving the engine's clock must not use up an invocation's time.
  const endsAtMs = performance.now() + timeoutMs;
  const { functionName, functionArn, memorySizeMb, logGroupName, logStreamName } = data.context;
  return {
    awsRequestId,
    callbackWaitsForEmptyEventLoop: true,
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: functionArn,
    memoryLimitInMB: String(memorySizeMb),
    logGroupName,
    logStreamName,
    getRemainingTimeInMillis: () => Math.max(0, Math.floor(endsAtMs - performance.now())),
  };
}

function captureOutput(stream: 'stdout' | 'stderr'): void {
  process[stream].write = (
    chunk: string | Uint8Array,
    encoding?: BufferEncoding | ((error?: Error | null) => void),
    callback?: (error?: Error | null) => void,
  ): boolean => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    // Lines wait for the next message or the next AWS request, but not longer than a turn of the event loop: each message
    // wakes the runner.
    if (output.length === 0) setImmediate(flush);
    output.push({ stream, text });
    const done = typeof encoding === 'function' ? encoding : callback;
    if (done !== undefined) queueMicrotask(() => done());
    return true;
  };
}

function flush(): void {
  if (output.length > 0) post({ kind: 'output' });
}

function describeError(error: unknown): FunctionError {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error) };
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
}
