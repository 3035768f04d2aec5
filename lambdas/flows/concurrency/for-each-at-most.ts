/**
 * Do something for each of a list, so many at a time; a failure is thrown once all that began has ended.
 *
 * @param atMost - At least 1; a function is asked again before each item begins, since the answer may change.
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
    // Each failure ends one of the places.
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
