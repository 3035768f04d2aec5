/** Bytes that work done at the same time may hold together. */
export interface ByteBudget {
  /** Do something once there is room for what it holds. What is larger than all the room is done alone. */
  hold<T>(bytes: number, act: () => Promise<T>): Promise<T>;
}

/** Those who came first are let in first, so that a large one is not passed by small ones for ever. */
export function createByteBudget(maxBytes: number): ByteBudget {
  const waiting: { readonly bytes: number; readonly enter: () => void }[] = [];
  let held = 0;
  let holders = 0;

  function admit(): void {
    for (let [next] = waiting; next !== undefined; [next] = waiting) {
      if (holders > 0 && held + next.bytes > maxBytes) return;
      waiting.shift();
      held += next.bytes;
      holders += 1;
      next.enter();
    }
  }

  return {
    async hold(bytes, act) {
      await new Promise<void>((enter) => {
        waiting.push({ bytes, enter });
        admit();
      });
      try {
        return await act();
      } finally {
        held -= bytes;
        holders -= 1;
        admit();
      }
    },
  };
}
