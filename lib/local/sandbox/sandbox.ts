import { randomUUID } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { FunctionModel } from '../template/function-model.ts';
import type { LocalEndpoints } from '../template/resource-type.ts';
import { createLineSplitter, type FunctionLogLine, type LineSplitter } from './function-log.ts';
import type { FunctionError, InvokeMessage, SandboxData, SandboxMessage } from './protocol.ts';
import { logGroupName, runtimeEnvironment } from './runtime-environment.ts';

/** How one invocation ended. */
export type InvocationOutcome =
  /** `payload` is the handler's result as JSON. */
  | { readonly kind: 'succeeded'; readonly payload: string }
  | { readonly kind: 'failed'; readonly reason: FailureReason; readonly error: FunctionError };

export type FailureReason =
  /** The handler threw. */
  | 'error'
  /** The function's timeout ended it. */
  | 'timeout'
  /** The sandbox ended during the invocation: exit, out of memory, killed. */
  | 'crash'
  /** The engine stopped. */
  | 'stopped';

/** One execution environment of a function: a thread that runs one event at a time. */
export interface Sandbox {
  /** Resolves when the bundle is loaded, or with the error of one that cannot load. */
  readonly initialized: Promise<FunctionError | undefined>;
  /** Resolves when the thread has ended. */
  readonly ended: Promise<void>;
  readonly isBusy: () => boolean;
  /** Run one event. Never rejects; the sandbox is reusable unless it has ended. */
  invoke(event: unknown, traceHeader: string): Promise<InvocationOutcome>;
  /** End the thread immediately; a running invocation fails with this reason. */
  kill(reason: FailureReason, errorMessage: string): Promise<void>;
}

export interface SandboxOptions {
  readonly model: FunctionModel;
  readonly endpoints: Omit<LocalEndpoints, 'http'>;
  readonly clockOffsetMs: Float64Array;
  readonly onLine: (line: FunctionLogLine) => void;
}

/** Lambda stops loading a bundle after 10 s and retries within the function's timeout; two busy cores need longer. */
const initTimeoutMs = 30_000;

/** A sandbox at work: what its steps share. */
interface RunningSandbox {
  readonly options: SandboxOptions;
  readonly worker: Worker;
  readonly output: Record<'stdout' | 'stderr', LineSplitter>;
  readonly initialization: PromiseWithResolvers<FunctionError | undefined>;
  running: { requestId: string; timer: NodeJS.Timeout; end: (outcome: InvocationOutcome) => void } | undefined;
  /** Why the thread ended or is ending; the first reason wins. */
  crash: { reason: FailureReason; error: FunctionError } | undefined;
  hasEnded: boolean;
}

export function startSandbox(options: SandboxOptions): Sandbox {
  const { model } = options;
  const worker = startWorker(options);
  const sandbox: RunningSandbox = {
    options,
    worker,
    output: {
      stdout: createLineSplitter((line) => log(sandbox, 'stdout', line)),
      stderr: createLineSplitter((line) => log(sandbox, 'stderr', line)),
    },
    initialization: Promise.withResolvers(),
    running: undefined,
    crash: undefined,
    hasEnded: false,
  };
  // Output that bypasses `process.stdout`, such as a native crash report.
  for (const stream of ['stdout', 'stderr'] as const) {
    worker[stream].setEncoding('utf8').on('data', (text: string) => sandbox.output[stream].push(text));
  }
  worker.on('message', (message: SandboxMessage) => receive(sandbox, message));
  worker.on('error', (error: Error) => {
    sandbox.crash ??= { reason: 'crash', error: { errorType: 'Runtime.ExitError', errorMessage: error.message } };
    log(sandbox, 'runtime', error.stack ?? error.message);
  });
  const ended = whenEnded(sandbox);
  const { promise: initialized } = sandbox.initialization;
  const initTimer = setTimeout(() => void kill(sandbox, 'error', 'Initialization took too long'), initTimeoutMs);
  void initialized.then(() => clearTimeout(initTimer));
  return {
    initialized,
    ended,
    isBusy: () => sandbox.running !== undefined,
    kill: (reason, errorMessage) => kill(sandbox, reason, errorMessage),
    invoke: (event, traceHeader) =>
      new Promise((end) => {
        const requestId = randomUUID();
        const timer = setTimeout(() => {
          const seconds = (model.timeoutMs / 1_000).toFixed(2);
          void kill(sandbox, 'timeout', `RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`);
        }, model.timeoutMs);
        sandbox.running = { requestId, timer, end };
        if (sandbox.hasEnded)
          return finish(sandbox, { kind: 'failed', ...(sandbox.crash as NonNullable<typeof sandbox.crash>) });
        worker.postMessage({ requestId, event, traceHeader, timeoutMs: model.timeoutMs } satisfies InvokeMessage);
      }),
  };
}

function startWorker({ model, endpoints, clockOffsetMs }: SandboxOptions): Worker {
  const logStreamName = `local/[$LATEST]${randomUUID().replaceAll('-', '')}`;
  return new Worker(new URL('./sandbox-worker.ts', import.meta.url), {
    env: runtimeEnvironment(model, endpoints, logStreamName),
    // Not the flags of this process: a test runner's loader must not run in a sandbox.
    execArgv: ['--disable-warning=ExperimentalWarning'],
    argv: [],
    stdout: true,
    stderr: true,
    name: model.label,
    resourceLimits: { maxOldGenerationSizeMb: model.memorySizeMb },
    workerData: {
      codeFolder: model.codeFolder,
      handler: model.handler,
      clockOffsetMs,
      context: {
        functionName: model.name,
        functionArn: model.arn,
        memorySizeMb: model.memorySizeMb,
        logGroupName: logGroupName(model),
        logStreamName,
      },
    } satisfies SandboxData,
  });
}

function log({ options, running }: RunningSandbox, stream: FunctionLogLine['stream'], text: string): void {
  options.onLine({ function: options.model.label, requestId: running?.requestId, stream, text });
}

function receive(sandbox: RunningSandbox, message: SandboxMessage): void {
  const { output, initialization, worker } = sandbox;
  for (const { stream, text } of message.output) output[stream].push(text);
  switch (message.kind) {
    case 'ready':
      return initialization.resolve(undefined);
    case 'init-failed':
      sandbox.crash = { reason: 'error', error: message.error };
      initialization.resolve(message.error);
      return void worker.terminate();
    case 'output':
      return;
    case 'succeeded':
      return finish(sandbox, { kind: 'succeeded', payload: message.payload });
    case 'failed':
      return finish(sandbox, { kind: 'failed', reason: 'error', error: message.error });
  }
}

/** End the running invocation, if there is one. */
function finish(sandbox: RunningSandbox, outcome: InvocationOutcome): void {
  const { running, output } = sandbox;
  if (running === undefined) return;
  clearTimeout(running.timer);
  output.stdout.flush();
  output.stderr.flush();
  if (outcome.kind === 'failed' && outcome.reason !== 'stopped') log(sandbox, 'runtime', JSON.stringify(outcome.error));
  sandbox.running = undefined;
  running.end(outcome);
}

/** Resolves when the thread has ended, after its initialization and its invocation have failed with the reason. */
function whenEnded(sandbox: RunningSandbox): Promise<void> {
  return new Promise((resolve) => {
    sandbox.worker.once('exit', (code) => {
      sandbox.hasEnded = true;
      sandbox.crash ??= {
        reason: 'crash',
        error: { errorType: 'Runtime.ExitError', errorMessage: `Runtime exited with exit status ${code}` },
      };
      sandbox.initialization.resolve(sandbox.crash.error);
      finish(sandbox, { kind: 'failed', ...sandbox.crash });
      resolve();
    });
  });
}

async function kill(sandbox: RunningSandbox, reason: FailureReason, errorMessage: string): Promise<void> {
  const errorType = reason === 'timeout' ? 'Sandbox.Timedout' : 'Runtime.ExitError';
  sandbox.crash ??= { reason, error: { errorType, errorMessage } };
  // Before the thread ends, which may take a moment.
  finish(sandbox, { kind: 'failed', ...sandbox.crash });
  await sandbox.worker.terminate();
}
