import { hashKey, QueryClient, type QueryKey, QueryObserver, type QueryObserverResult } from '@tanstack/query-core';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Answer, ApiProblem, call, type Entry, type Input, type Route } from './engine-client.ts';

const longestPauseMs = 30_000;

/** Answers by what was asked. The same call is made once, however many parts of a page need its answer. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      gcTime: 5 * 60_000,
      networkMode: 'always',
      // What passes is tried again until it has passed; a page shows since when, and why.
      retry: (_, error) => error instanceof ApiProblem && error.isPassing,
      retryDelay: (count, error) =>
        (error instanceof ApiProblem ? error.retryAfterMs : undefined) ?? Math.min(longestPauseMs, 500 * 2 ** count),
    },
  },
});

/** An answer, or why there is none yet. */
export interface Asked<Data> {
  readonly data: Data | undefined;
  /** The last problem, also while the call is tried again. */
  readonly problem: ApiProblem | undefined;
  /** Whether the call is tried again by itself. */
  readonly isRetrying: boolean;
  readonly isFetching: boolean;
  readonly refetch: () => void;
}

interface AskOptions {
  /** Milliseconds after which to ask again, for as long as the part is shown. */
  readonly everyMs?: number | undefined;
  /** @default true */
  readonly isEnabled?: boolean;
}

function observed<Data>(result: QueryObserverResult<Data>): Asked<Data> {
  const problem = result.error ?? result.failureReason;
  return {
    data: result.data,
    problem: problem instanceof ApiProblem ? problem : undefined,
    isRetrying: result.failureCount > 0 && result.fetchStatus !== 'idle',
    isFetching: result.fetchStatus === 'fetching',
    refetch: () => void result.refetch(),
  };
}

function useObserver<Data>(key: QueryKey, ask: (signal: AbortSignal) => Promise<Data>, options: AskOptions) {
  const { everyMs, isEnabled = true } = options;
  const settings = {
    queryKey: key,
    queryFn: ({ signal }: { signal: AbortSignal }) => ask(signal),
    enabled: isEnabled,
    refetchInterval: everyMs ?? (false as const),
  };
  const observer = useMemo(() => new QueryObserver<Data>(queries, settings), []);
  const [, render] = useState(0);
  const hash = `${hashKey(key)}${isEnabled}${everyMs}`;
  const last = useRef(hash);
  if (last.current !== hash) {
    last.current = hash;
    observer.setOptions(settings);
  }
  useEffect(() => observer.subscribe(() => render((count) => count + 1)), [observer]);
  const result = observed<Data>(observer.getCurrentResult());
  // While it is asked again after it was refused, what was refused stays.
  const before = useRef<{ readonly hash: string; readonly problem: ApiProblem | undefined }>(undefined);
  const isAskedAgain = result.data === undefined && result.problem === undefined && result.isFetching;
  const problem = isAskedAgain && before.current?.hash === hash ? before.current.problem : result.problem;
  before.current = { hash, problem };
  return { ...result, problem };
}

/** Ask the API, and show what it last answered. */
export function useAnswer<R extends Route>(route: R, input: Input<R>, options: AskOptions = {}): Asked<Answer<R>> {
  const key = [route, input.params ?? null, input.query ?? null, input.body ?? null];
  return useObserver(key, (signal) => call(route, { ...input, signal }), options);
}

/** A list, read page by page on demand. */
export interface Listed<Item> extends Asked<readonly Item[]> {
  readonly hasMore: boolean;
  readonly more: () => void;
}

interface Pages<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** Pages that may be short are read on until so many entries are there, or so many calls are made. */
const fullPage = 20;
const mostCalls = 5;

/** Ask for a list whose pages follow one another by `next_cursor`. */
export function useList<R extends Route>(route: R, input: Input<R>, options: AskOptions = {}): Listed<Entry<R>> {
  const [wanted, want] = useState(1);
  const filters = hashKey([route, input.params ?? null, input.query ?? null]);
  const shown = useRef(filters);
  if (shown.current !== filters) {
    shown.current = filters;
    if (wanted !== 1) want(1);
  }
  const asked = useObserver(
    [route, input.params ?? null, input.query ?? null, 'pages', wanted],
    (signal) => readPages(route, { ...input, signal }, wanted),
    options,
  );
  const kept = useRef<{ readonly filters: string; readonly pages: Pages<Entry<R>> | undefined }>({
    filters,
    pages: undefined,
  });
  if (asked.data !== undefined) kept.current = { filters, pages: asked.data };
  // While another page is read, the pages before stay.
  const pages = asked.data ?? (kept.current.filters === filters ? kept.current.pages : undefined);
  return {
    ...asked,
    data: pages?.items,
    hasMore: pages?.next != null,
    more: () => want(wanted + 1),
  };
}

async function readPages<R extends Route>(route: R, input: Input<R>, wanted: number): Promise<Pages<Entry<R>>> {
  const items: Entry<R>[] = [];
  let next: string | null | undefined;
  // A page that was read before is in the cache of its own key.
  for (let page = 0; page < wanted; page += 1) {
    const read = await pageAfter(route, input, next ?? undefined, page < wanted - 1);
    items.push(...read.items);
    next = read.next;
    if (next === null) break;
  }
  return { items, next: next ?? null };
}

async function pageAfter<R extends Route>(
  route: R,
  input: Input<R>,
  after: string | undefined,
  isKept: boolean,
): Promise<Pages<Entry<R>>> {
  const ask = async () => {
    const items: Entry<R>[] = [];
    let cursor = after;
    for (let calls = 0; calls < mostCalls; calls += 1) {
      const answer = (await call(route, { ...input, query: { ...input.query, cursor } })) as {
        readonly data: readonly Entry<R>[];
        readonly next_cursor?: string | null;
      };
      items.push(...answer.data);
      cursor = answer.next_cursor ?? undefined;
      if (cursor === undefined || items.length >= fullPage) break;
    }
    return { items, next: cursor ?? null };
  };
  const queryKey = [route, input.params ?? null, input.query ?? null, 'after', after ?? null];
  return isKept ? queries.fetchQuery({ queryKey, queryFn: ask, staleTime: 60_000 }) : store(queryKey, await ask());
}

function store<Data>(key: QueryKey, data: Data): Data {
  queries.setQueryData(key, data);
  return data;
}

/** Forget what was answered to these routes, so that it is asked anew where it is shown. */
export async function forget(...routes: readonly Route[]): Promise<void> {
  await Promise.all(
    routes.map(async (route) => {
      queries.removeQueries({ queryKey: [route], type: 'inactive' });
      await queries.invalidateQueries({ queryKey: [route] });
    }),
  );
}

/** A call that changes something, made when the user asks. */
export interface Action<Given extends readonly unknown[], Data> {
  readonly run: (...given: Given) => Promise<Data | undefined>;
  readonly isRunning: boolean;
  readonly problem: ApiProblem | undefined;
  readonly data: Data | undefined;
  readonly clear: () => void;
}

/**
 * @param act - What to do. It gets an idempotency key, the same as long as it fails: a second try of the user does
 *   nothing twice.
 */
export function useAction<Given extends readonly unknown[], Data>(
  act: (idempotencyKey: string, ...given: Given) => Promise<Data>,
): Action<Given, Data> {
  const [state, set] = useState<{ isRunning: boolean; problem?: ApiProblem; data?: Data }>({ isRunning: false });
  const attempt = useRef<{ readonly given: string; readonly key: string }>(undefined);
  return {
    ...state,
    problem: state.problem,
    data: state.data,
    clear: () => set({ isRunning: false }),
    run: async (...given) => {
      const text = JSON.stringify(given);
      if (attempt.current?.given !== text) attempt.current = { given: text, key: crypto.randomUUID() };
      set({ isRunning: true });
      try {
        const data = await act(attempt.current.key, ...given);
        attempt.current = undefined;
        set({ isRunning: false, data });
        return data;
      } catch (error) {
        const problem = error instanceof ApiProblem ? error : new ApiProblem(0, String(error));
        // What was refused may be sent again when it is mended: with another key.
        if (!problem.isPassing) attempt.current = undefined;
        set({ isRunning: false, problem });
        return undefined;
      }
    },
  };
}
