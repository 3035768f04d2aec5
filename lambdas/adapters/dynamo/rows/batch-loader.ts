/** The requests of one turn of the event loop, before they are sent. */
export interface Gathering<Asked, Answer> {
  /** By name, so that several callers who ask for the same thing share one request for it. */
  readonly asked: Map<string, Asked>;
  /** The answer to all of `asked`. */
  readonly answer: Promise<Answer>;
}

/** @returns The gathering of this turn; a caller may add to it until the turn ends. */
export type Gatherer<Asked, Answer> = () => Gathering<Asked, Answer>;

/**
 * Batch concurrent reads in one request, because a request costs more than its rows.
 *
 * @param send - Called when the turn ends.
 */
export function createGatherer<Asked, Answer>(
  send: (asked: ReadonlyMap<string, Asked>) => Promise<Answer>,
): Gatherer<Asked, Answer> {
  let gathering: Gathering<Asked, Answer> | undefined;
  return () => {
    if (gathering !== undefined) return gathering;
    const asked = new Map<string, Asked>();
    gathering = {
      asked,
      // Not the next microtask: callers get here by chains of different lengths.
      answer: new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
        gathering = undefined;
        return send(asked);
      }),
    };
    return gathering;
  };
}
