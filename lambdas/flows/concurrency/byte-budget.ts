/** Limits the bytes that concurrent work holds in memory. */
export interface ByteBudget {
  /** Run `act` once its bytes fit the budget. Work that exceeds the whole budget runs alone. */
  hold<T>(bytes: number, act: () => Promise<T>): Promise<T>;
}

/** First in, first out, so that small work cannot starve large work. */
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
