/** What one request carries, and what the service says of it. */
export interface BatcherOptions<Item, Outcome> {
  /** Items that a request takes. */
  readonly maxItems: number;
  /**
   * Make one request.
   *
   * @returns What came of each item, in their order; undefined where the service did not take it and it is to be sent
   *   again.
   */
  readonly send: (
    items: readonly Item[],
    signal: AbortSignal | undefined,
  ) => Promise<readonly (Outcome | Error | undefined)[]>;
  /** The error of items that were not taken, or not in time. */
  readonly notTaken: (items: readonly Item[], isLate: boolean) => Error;
}

/**
 * Send items.
 *
 * @param signal - Nothing is sent once it is aborted.
 * @returns What came of each, in their order. It never rejects: an item that failed has its error.
 */
export type Batcher<Item, Outcome> = (
  items: readonly Item[],
  signal?: AbortSignal,
) => Promise<readonly (Outcome | Error)[]>;

/** One call of a batcher: the unit that is kept apart from others, which may be another tenant's. */
interface Call {
  readonly signal: AbortSignal | undefined;
}

interface Pending<Item, Outcome> {
  readonly item: Item;
  readonly call: Call;
  readonly settle: (outcome: Outcome | Error) => void;
}

/** How long items wait at most for a request that is under way, to be sent together with others. */
const windowMs = 20;
/** Rounds in which is sent what the service did not take, each twice as late as the one before. */
const maxRounds = 6;
const firstPauseMs = 50;
/** Refusals that are no one's fault: to send the same again, in smaller pieces, would only add to them. */
const throttles: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'ThrottlingException',
]);

/**
 * Put what several callers send at about the same time into common requests: a request costs more than what it carries.
 *
 * What is sent first goes at once. What comes while a request is under way goes when that has ended, or after a moment.
 * Callers are strangers to each other: one whose items are not taken, or are refused, keeps no other waiting, and fails
 * no other.
 */
export function createBatcher<Item, Outcome>(options: BatcherOptions<Item, Outcome>): Batcher<Item, Outcome> {
  type Entry = Pending<Item, Outcome>;
  const { maxItems, send, notTaken } = options;
  let waiting: Entry[] = [];
  let requests = 0;
  let isScheduled = false;
  let timer: NodeJS.Timeout | undefined;

  function schedule(): void {
    if (isScheduled) return;
    isScheduled = true;
    // When the turn of the event loop ends: answers that came together go on together.
    setImmediate(() => {
      isScheduled = false;
      if (requests === 0) flush();
      else timer ??= setTimeout(flush, windowMs);
    });
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const entries = waiting;
    waiting = [];
    for (let start = 0; start < entries.length; start += maxItems)
      void sendEntries(entries.slice(start, start + maxItems), 0);
  }

  async function request(entries: readonly Entry[]): Promise<readonly (Outcome | Error | undefined)[]> {
    const signals = [...new Set(entries.flatMap(({ call }) => call.signal ?? []))];
    requests += 1;
    try {
      return await send(
        entries.map(({ item }) => item),
        signals.length > 1 ? AbortSignal.any(signals) : signals[0],
      );
    } finally {
      requests -= 1;
      if (requests === 0 && waiting.length > 0) schedule();
    }
  }

  async function sendEntries(all: readonly Entry[], round: number): Promise<void> {
    const entries = inTime(all);
    if (entries.length === 0) return;
    const outcomes = await request(entries).catch((error: unknown) => ({ error }));
    if ('error' in outcomes) return resend(entries, outcomes.error, round);
    const rest = entries.filter((entry, index) => {
      const outcome = outcomes[index];
      if (outcome !== undefined) entry.settle(outcome);
      return outcome === undefined;
    });
    if (rest.length === 0) return;
    if (round + 1 === maxRounds)
      return failEntries(rest, () =>
        notTaken(
          rest.map(({ item }) => item),
          false,
        ),
      );
    await new Promise((resolve) => setTimeout(resolve, firstPauseMs * 2 ** round));
    await sendEntries(rest, round + 1);
  }

  /** A request failed as a whole: those who may not have caused it are sent again without the others. */
  async function resend(entries: readonly Entry[], error: unknown, round: number): Promise<void> {
    const left = inTime(entries);
    // It was called off for the sake of those whose time is over.
    if (left.length < entries.length) return sendEntries(left, round);
    const calls = Map.groupBy(entries, ({ call }) => call);
    if (calls.size === 1 || !isRefusal(error)) return failEntries(entries, () => toError(error));
    await Promise.all(calls.values().map((own) => sendEntries(own, round)));
  }

  /** Those that may still be sent; the others have failed. */
  function inTime(entries: readonly Entry[]): readonly Entry[] {
    const late = entries.filter(({ call }) => call.signal?.aborted === true);
    failEntries(late, () =>
      notTaken(
        late.map(({ item }) => item),
        true,
      ),
    );
    return late.length === 0 ? entries : entries.filter((entry) => !late.includes(entry));
  }

  return (items, signal) => {
    const call: Call = { signal };
    if (items.length > 0) schedule();
    return Promise.all(
      items.map((item) => new Promise<Outcome | Error>((settle) => waiting.push({ item, call, settle }))),
    );
  };
}

function failEntries<Item, Outcome>(entries: readonly Pending<Item, Outcome>[], errorOf: () => Error): void {
  if (entries.length === 0) return;
  const error = errorOf();
  for (const { settle } of entries) settle(error);
}

/** Whether the service found the request wrong: one of its items may be what it found so. */
function isRefusal(error: unknown): boolean {
  const { name, $fault } = error as { readonly name?: string; readonly $fault?: string };
  return $fault === 'client' && !throttles.has(name ?? '');
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** The outcomes of a call, where each item must have one. @throws The first error, when all have ended. */
export function outcomesOrThrow<Outcome>(outcomes: readonly (Outcome | Error)[]): readonly Outcome[] {
  return outcomes.map((outcome) => {
    if (outcome instanceof Error) throw outcome;
    return outcome;
  });
}
