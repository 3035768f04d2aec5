/** What is asked for in one turn of the event loop, and is not sent yet. */
export interface Gathering<Asked, Answer> {
  /** By name: what several callers ask for is asked for once. */
  readonly asked: Map<string, Asked>;
  /** What came of all that was asked for. */
  readonly answer: Promise<Answer>;
}

/** @returns The gathering of this turn, to which something may be added until it ends. */
export type Gatherer<Asked, Answer> = () => Gathering<Asked, Answer>;

/**
 * Gather what several callers ask for at the same time, to ask for it together: a request costs more than what it
 * is for.
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
      answer: Promise.resolve().then(() => {
        gathering = undefined;
        return send(asked);
      }),
    };
    return gathering;
  };
}
