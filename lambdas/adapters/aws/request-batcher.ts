export interface BatcherOptions<Item, Outcome> {
  /** Items of one request. */
  readonly maxItems: number;
  /**
   * Make one request.
   *
   * @returns The outcome of each item, in order; undefined where the service did not take the item, which is then sent
   *   again.
   */
  readonly send: (
    items: readonly Item[],
    signal: AbortSignal | undefined,
  ) => Promise<readonly (Outcome | Error | undefined)[]>;
  /** The error of items that the service did not take, or not in time. */
  readonly notTaken: (items: readonly Item[], isLate: boolean) => Error;
}

/**
 * Send items.
 *
 * @param signal - Once it is aborted, nothing more is sent.
 * @returns The outcome of each item, in order. Never rejects: the outcome of an item that failed is its error.
 */
export type Batcher<Item, Outcome> = (
  items: readonly Item[],
  signal?: AbortSignal,
) => Promise<readonly (Outcome | Error)[]>;

/** One call of a batcher. Calls are isolated from each other, because they may be of different tenants. */
interface Call {
  readonly signal: AbortSignal | undefined;
}

interface Pending<Item, Outcome> {
  readonly item: Item;
  readonly call: Call;
  readonly settle: (outcome: Outcome | Error) => void;
}

/** Longest time that items wait for a request in flight, so that they share the next request with others. */
const windowMs = 20;
/** Tries for items that the service did not take; the pause doubles with each. */
const maxRounds = 6;
const firstPauseMs = 50;
/** Refusals that no item causes: sending the same items again in smaller requests would only add load. */
const throttles: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'ThrottlingException',
]);

/**
 * Concurrent callers share requests: a request costs more than its items.
 *
 * The first items are sent at once. Items that arrive while a request is in flight are sent when it has ended, or after
 * `windowMs`. Callers are isolated: items of one caller that the service does not take, or refuses, neither delay nor
 * fail the others.
 */
export function createBatcher<Item, Outcome>(options: BatcherOptions<Item, Outcome>): Batcher<Item, Outcome> {
  const state: BatcherState<Item, Outcome> = {
    options,
    waiting: [],
    requests: 0,
    isScheduled: false,
    timer: undefined,
  };
  return (items, signal) => {
    const call: Call = { signal };
    if (items.length > 0) schedule(state);
    return Promise.all(
      items.map((item) => new Promise<Outcome | Error>((settle) => state.waiting.push({ item, call, settle }))),
    );
  };
}

interface BatcherState<Item, Outcome> {
  readonly options: BatcherOptions<Item, Outcome>;
  waiting: Pending<Item, Outcome>[];
  /** Requests in flight. */
  requests: number;
  isScheduled: boolean;
  timer: NodeJS.Timeout | undefined;
}

function schedule<Item, Outcome>(state: BatcherState<Item, Outcome>): void {
  if (state.isScheduled) return;
  state.isScheduled = true;
  // At the end of this turn of the event loop, so that callers whose answers arrive together send together.
  setImmediate(() => {
    state.isScheduled = false;
    if (state.requests === 0) flush(state);
    else state.timer ??= setTimeout(() => flush(state), windowMs);
  });
}

function flush<Item, Outcome>(state: BatcherState<Item, Outcome>): void {
  const { maxItems } = state.options;
  clearTimeout(state.timer);
  state.timer = undefined;
  const entries = state.waiting;
  state.waiting = [];
  for (let start = 0; start < entries.length; start += maxItems)
    void sendEntries(state, entries.slice(start, start + maxItems), 0);
}

async function sendEntries<Item, Outcome>(
  state: BatcherState<Item, Outcome>,
  all: readonly Pending<Item, Outcome>[],
  round: number,
): Promise<void> {
  const { notTaken } = state.options;
  const entries = inTime(state, all);
  if (entries.length === 0) return;
  const outcomes = await request(state, entries).catch((error: unknown) => ({ error }));
  if ('error' in outcomes) return resend(state, entries, outcomes.error, round);
  const rest = entries.filter((entry, index) => {
    const outcome = outcomes[index];
    if (outcome !== undefined) entry.settle(outcome);
    return outcome === undefined;
  });
  if (rest.length === 0) return;
  if (round + 1 === maxRounds) return failEntries(rest, () => notTaken(itemsOf(rest), false));
  await new Promise((resolve) => setTimeout(resolve, firstPauseMs * 2 ** round));
  await sendEntries(state, rest, round + 1);
}

async function request<Item, Outcome>(
  state: BatcherState<Item, Outcome>,
  entries: readonly Pending<Item, Outcome>[],
): Promise<readonly (Outcome | Error | undefined)[]> {
  const signals = [...new Set(entries.flatMap(({ call }) => call.signal ?? []))];
  state.requests += 1;
  try {
    return await state.options.send(itemsOf(entries), signals.length > 1 ? AbortSignal.any(signals) : signals[0]);
  } finally {
    state.requests -= 1;
    if (state.requests === 0 && state.waiting.length > 0) schedule(state);
  }
}

/**
 * Handle a request that failed as a whole: where one call may have caused that, send each call's entries separately.
 */
async function resend<Item, Outcome>(
  state: BatcherState<Item, Outcome>,
  entries: readonly Pending<Item, Outcome>[],
  error: unknown,
  round: number,
): Promise<void> {
  const left = inTime(state, entries);
  // The request was aborted because the time of some calls is over.
  if (left.length < entries.length) return sendEntries(state, left, round);
  const calls = Map.groupBy(entries, ({ call }) => call);
  if (calls.size === 1 || !isRefusal(error)) return failEntries(entries, () => toError(error));
  await Promise.all(calls.values().map((own) => sendEntries(state, own, round)));
}

/** Fail the entries whose signal is aborted. @returns The others. */
function inTime<Item, Outcome>(
  { options }: BatcherState<Item, Outcome>,
  entries: readonly Pending<Item, Outcome>[],
): readonly Pending<Item, Outcome>[] {
  const late = entries.filter(({ call }) => call.signal?.aborted === true);
  failEntries(late, () => options.notTaken(itemsOf(late), true));
  return late.length === 0 ? entries : entries.filter((entry) => !late.includes(entry));
}

function itemsOf<Item, Outcome>(entries: readonly Pending<Item, Outcome>[]): readonly Item[] {
  return entries.map(({ item }) => item);
}

function failEntries<Item, Outcome>(entries: readonly Pending<Item, Outcome>[], errorOf: () => Error): void {
  if (entries.length === 0) return;
  const error = errorOf();
  for (const { settle } of entries) settle(error);
}

/** Whether the service rejected the request itself: one of its items may be the cause. */
function isRefusal(error: unknown): boolean {
  const { name, $fault } = error as { readonly name?: string; readonly $fault?: string };
  return $fault === 'client' && !throttles.has(name ?? '');
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** The outcomes of a call in which no item may fail. @throws The first error. */
export function outcomesOrThrow<Outcome>(outcomes: readonly (Outcome | Error)[]): readonly Outcome[] {
  return outcomes.map((outcome) => {
    if (outcome instanceof Error) throw outcome;
    return outcome;
  });
}
