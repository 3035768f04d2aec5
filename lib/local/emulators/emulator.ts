import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LocalEngineError } from '../errors.ts';
import type { AccessRules } from '../iam/access-guard.ts';
import type { EmulatorMessage, EmulatorOrder } from './protocol.ts';

export type EmulatorKind = 'dynalite' | 'fauxqs';

/** An emulator in a separate process. */
export interface Emulator {
  readonly kind: EmulatorKind;
  readonly endpoint: string;
  /** Shift the emulator's `Date`. */
  setClockOffset(offsetMs: number): Promise<void>;
  /** Apply access rules; until then, every caller may do everything. */
  enforce(rules: AccessRules): Promise<void>;
  /** Resolves when the process has ended. */
  stop(): Promise<void>;
}

const stderrKeptChars = 4_000;
const stopGraceMs = 1_000;

/**
 * Start an emulator on a free port of 127.0.0.1.
 *
 * @param onCrash - Called when the process ends without a call of `stop`.
 * @throws {LocalEngineError} emulator-failed when it ends before it listens.
 */
export async function startEmulator(kind: EmulatorKind, onCrash: (error: LocalEngineError) => void): Promise<Emulator> {
  const child = fork(fileURLToPath(new URL(`./${kind}.fork.ts`, import.meta.url)), [], {
    // Not the environment or flags of this process, such as a test runner's loader.
    env: {},
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-stderrKeptChars);
  });

  const exited = new Promise<LocalEngineError>((resolve) => {
    const report = (how: string) =>
      resolve(new LocalEngineError('emulator-failed', `The ${kind} process ended (${how}). ${stderr}`.trim()));
    child.once('error', (error) => report(error.message));
    child.once('exit', (code, signal) => report(signal ?? `exit status ${code}`));
  });
  const port = await Promise.race([
    nextMessage(child, (message) => (message.kind === 'listening' ? message.port : undefined)),
    exited.then((error) => Promise.reject(error)),
  ]);

  let stopping = false;
  void exited.then((error) => {
    if (!stopping) onCrash(error);
  });
  let orders = 0;
  const carryOut = async (toMessage: (order: number) => EmulatorOrder): Promise<void> => {
    const order = ++orders;
    const done = nextMessage(child, (message) =>
      message.kind === 'done' && message.order === order ? true : undefined,
    );
    child.send(toMessage(order));
    await Promise.race([done, exited.then((error) => Promise.reject(error))]);
  };
  return {
    kind,
    endpoint: `http://127.0.0.1:${port}`,
    setClockOffset: (offsetMs) => carryOut((order) => ({ kind: 'set-clock', order, offsetMs })),
    enforce: (rules) => carryOut((order) => ({ kind: 'enforce', order, rules })),
    async stop() {
      stopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      if (child.connected) child.disconnect();
      const force = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
      await gone;
      clearTimeout(force);
    },
  };
}

/** Resolves with the value of the first message for which `pick` returns one. */
function nextMessage<T>(child: ChildProcess, pick: (message: EmulatorMessage) => T | undefined): Promise<T> {
  return new Promise((resolve) => {
    const listener = (message: unknown) => {
      const picked = pick(message as EmulatorMessage);
      if (picked === undefined) return;
      child.off('message', listener);
      resolve(picked);
    };
    child.on('message', listener);
  });
}
