import { randomUUID } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { LocalEndpoints } from '../template/resource-type.ts';
import type { FunctionModel } from '../template/stack-model.ts';
import { createLineSplitter, type FunctionLogLine } from './function-log.ts';
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
  /** The sandbox ended in the middle: exit, out of memory, killed. */
  | 'crash'
  /** The engine stopped. */
  | 'stopped';

/** One execution environment of a function: a thread that takes one event at a time. */
export interface Sandbox {
  /** Resolves when the bundle is loaded, or with why it could not be. */
  readonly initialized: Promise<FunctionError | undefined>;
  /** Resolves when the thread is gone. */
  readonly ended: Promise<void>;
  readonly isBusy: () => boolean;
  /** Run one event. Never rejects; the sandbox is usable again if it has not ended. */
  invoke(event: unknown, traceHeader: string): Promise<InvocationOutcome>;
  /** End the thread at once; a running invocation fails with this reason. */
  kill(reason: FailureReason, errorMessage: string): Promise<void>;
}

export interface SandboxOptions {
  readonly model: FunctionModel;
  readonly endpoints: Omit<LocalEndpoints, 'http'>;
  readonly clockOffsetMs: Float64Array;
  readonly onLine: (line: FunctionLogLine) => void;
}

/** Lambda gives up on a bundle after 10 s and tries again under the function's timeout; two busy cores need longer. */
const initTimeoutMs = 30_000;

export function startSandbox({ model, endpoints, clockOffsetMs, onLine }: SandboxOptions): Sandbox {
  const logStreamName = `local/[$LATEST]${randomUUID().replaceAll('-', '')}`;
  const worker = new Worker(new URL('./sandbox-worker.ts', import.meta.url), {
    env: runtimeEnvironment(model, endpoints, logStreamName),
    // Not the flags of this process: a test runner's loader has no place in a sandbox.
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

  let running: { requestId: string; timer: NodeJS.Timeout; end: (outcome: InvocationOutcome) => void } | undefined;
  let crash: { reason: FailureReason; error: FunctionError } | undefined;
  let hasEnded = false;

  const log = (stream: FunctionLogLine['stream'], text: string) =>
    onLine({ function: model.label, requestId: running?.requestId, stream, text });
  const output = {
    stdout: createLineSplitter((line) => log('stdout', line)),
    stderr: createLineSplitter((line) => log('stderr', line)),
  };
  // What does not go through `process.stdout` (a native crash report, say).
  for (const stream of ['stdout', 'stderr'] as const) {
    worker[stream].setEncoding('utf8').on('data', (text: string) => output[stream].push(text));
  }

  const finish = (outcome: InvocationOutcome) => {
    if (running === undefined) return;
    clearTimeout(running.timer);
    output.stdout.flush();
    output.stderr.flush();
    if (outcome.kind === 'failed' && outcome.reason !== 'stopped') log('runtime', JSON.stringify(outcome.error));
    const { end } = running;
    running = undefined;
    end(outcome);
  };

  const initialization = Promise.withResolvers<FunctionError | undefined>();
  worker.on('message', (message: SandboxMessage) => {
    for (const { stream, text } of message.output) output[stream].push(text);
    switch (message.kind) {
      case 'ready':
        return initialization.resolve(undefined);
      case 'init-failed':
        crash = { reason: 'error', error: message.error };
        initialization.resolve(message.error);
        return void worker.terminate();
      case 'output':
        return;
      case 'succeeded':
        return finish({ kind: 'succeeded', payload: message.payload });
      case 'failed':
        return finish({ kind: 'failed', reason: 'error', error: message.error });
    }
  });
  worker.on('error', (error: Error) => {
    crash ??= { reason: 'crash', error: { errorType: 'Runtime.ExitError', errorMessage: error.message } };
    log('runtime', error.stack ?? error.message);
  });
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', (code) => {
      hasEnded = true;
      crash ??= {
        reason: 'crash',
        error: { errorType: 'Runtime.ExitError', errorMessage: `Runtime exited with exit status ${code}` },
      };
      initialization.resolve(crash.error);
      finish({ kind: 'failed', ...crash });
      resolve();
    });
  });

  const kill: Sandbox['kill'] = async (reason, errorMessage) => {
    const errorType = reason === 'timeout' ? 'Sandbox.Timedout' : 'Runtime.ExitError';
    crash ??= { reason, error: { errorType, errorMessage } };
    // The invoker learns it now; the thread may take a moment to end.
    finish({ kind: 'failed', ...crash });
    await worker.terminate();
  };
  const initTimer = setTimeout(() => void kill('error', 'Initialization took too long'), initTimeoutMs);
  void initialization.promise.then(() => clearTimeout(initTimer));

  return {
    initialized: initialization.promise,
    ended,
    isBusy: () => running !== undefined,
    kill,
    invoke: (event, traceHeader) =>
      new Promise((end) => {
        const requestId = randomUUID();
        const timer = setTimeout(() => {
          const seconds = (model.timeoutMs / 1_000).toFixed(2);
          void kill('timeout', `RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`);
        }, model.timeoutMs);
        running = { requestId, timer, end };
        if (hasEnded) return finish({ kind: 'failed', ...(crash as NonNullable<typeof crash>) });
        worker.postMessage({ requestId, event, traceHeader, timeoutMs: model.timeoutMs } satisfies InvokeMessage);
      }),
  };
}
