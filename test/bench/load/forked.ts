import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A separate process for providers and subscribers, so that they do not burden the engine's event loop. */
export function startFork(file: URL): ChildProcess {
  return fork(fileURLToPath(file), [], { execArgv: ['--disable-warning=ExperimentalWarning'] });
}

/** @throws {Error} when the process ends first. */
export async function nextMessage<Message>(child: ChildProcess): Promise<Message> {
  const { promise, resolve, reject } = Promise.withResolvers<Message>();
  const ended = () => reject(new Error('the traffic process ended'));
  child.once('message', (message) => resolve(message as Message));
  child.once('exit', ended);
  try {
    return await promise;
  } finally {
    child.off('exit', ended);
  }
}

/** The process ends when it is disconnected. */
export async function endFork(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.disconnect();
  await gone;
}
