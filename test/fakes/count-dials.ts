import { createHook } from 'node:async_hooks';

/** Count the TCP connection attempts, to any host, while `run` runs. */
export async function countDials<T>(run: () => Promise<T>): Promise<{ readonly dials: number; readonly result: T }> {
  let dials = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'TCPCONNECTWRAP') dials += 1;
    },
  }).enable();
  try {
    const result = await run();
    return { dials, result };
  } finally {
    hook.disable();
  }
}
