import { type AccessGuard, createAccessGuard } from '../iam/access-guard.ts';
import { shiftDate } from '../time/clock-shift.ts';
import type { EmulatorMessage, EmulatorOrder } from './protocol.ts';

/**
 * Run an emulator process: one server on a free port of 127.0.0.1, on the engine's clock. It ends with its parent,
 * however the parent ends.
 *
 * @param listen - Starts the server with the guard in front of it; resolves to its port. Called after the clock is
 *   shifted, so it imports the emulator itself.
 */
export async function runEmulator(listen: (guard: AccessGuard) => Promise<number>): Promise<void> {
  const offsetMs = new Float64Array(1);
  shiftDate(offsetMs);

  process.on('disconnect', () => process.exit(0));
  // Ctrl-C signals the whole process group, but the parent needs its emulators until it has stopped.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
    // A killed sandbox cuts its connections, and dynalite throws the errors that its requests then emit.
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return;
    process.stderr.write(`${error.stack ?? error.message}\n`, () => process.exit(1));
  });
  const guard = createAccessGuard();
  process.on('message', (message: EmulatorOrder) => {
    if (message.kind === 'set-clock') offsetMs[0] = message.offsetMs;
    else guard.enforce(message.rules);
    send({ kind: 'done', order: message.order });
  });

  send({ kind: 'listening', port: await listen(guard) });
}

function send(message: EmulatorMessage): void {
  // The parent may have ended between two messages; 'disconnect' then ends this process.
  if (process.connected) process.send?.(message, undefined, {}, () => {});
}
