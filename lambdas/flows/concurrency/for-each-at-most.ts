/**
 * Run `act` for each item with limited concurrency. Each failure lowers the concurrency by one; the first failure is
 * thrown once all started items have ended.
 *
 * @param atMost - At least 1. A function is called before each start, since its result may change.
 */
export async function forEachAtMost<T>(
  atMost: number | (() => number),
  list: readonly T[],
  act: (item: T) => Promise<void>,
): Promise<void> {
  const queue = list.values();
  const failures: unknown[] = [];
  let running = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const run = async (item: T) => {
    running += 1;
    try {
      await act(item);
    } catch (error) {
      failures.push(error);
    }
    running -= 1;
    begin();
  };
  const begin = () => {
    // Each failure lowers the concurrency by one.
    while (running < (typeof atMost === 'number' ? atMost : atMost()) - failures.length) {
      const { value, done } = queue.next();
      if (done === true) break;
      void run(value);
    }
    if (running === 0) resolve();
  };
  begin();
  await promise;
  if (failures.length > 0) throw failures[0];
}
