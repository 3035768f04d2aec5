/** Do something for each of a list, so many at a time; a failure is thrown once all that began has ended. */
export async function forEachAtMost<T>(
  atMost: number,
  list: readonly T[],
  act: (item: T) => Promise<void>,
): Promise<void> {
  const queue = list.values();
  const worker = async () => {
    for (const item of queue) await act(item);
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(atMost, list.length) }, worker));
  const failure = ended.find((one) => one.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
