import { type Answer, ApiProblem, call, type Entry } from '../../engine-client.ts';
import { hasEnded } from '../../session.ts';

export type FeedEvent = Entry<'GET /v1/events'>;
export type FeedQuery = Readonly<Record<string, string | undefined>>;
type FeedPage = Answer<'GET /v1/events'>;

/** Where a reader of the feed is: a start before the first page, a cursor after it. */
export type FeedPosition = { readonly since: string } | { readonly cursor: string };

interface Reading {
  /** The tenant and the filters. */
  readonly query: FeedQuery;
  readonly signal: AbortSignal;
  /** A page with events, oldest first. */
  readonly onEvents: (events: readonly FeedEvent[]) => void;
  /** A problem that passes: the page is asked for again. Undefined once it has passed. */
  readonly onProblem: (problem: ApiProblem | undefined) => void;
}

const pageSize = 100;
/** The longest wait that the API allows. Seconds. */
const longestWait = 20;
/** Between two live pages: a busy feed comes in groups, not in single events. */
const pauseMs = 500;
/** After an empty page that came early: too many calls of the tenant are waiting. */
const longPauseMs = 2_000;
const longestRetryMs = 30_000;

/** @returns When the time is over, or at once when the reader leaves. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

/** Asks until there is an answer. @throws {ApiProblem} one that does not pass by itself. */
async function askForPage(
  position: FeedPosition,
  waitSeconds: number,
  { query, signal, onProblem }: Reading,
): Promise<FeedPage> {
  const wait = waitSeconds === 0 ? undefined : waitSeconds;
  for (let failures = 0; ; failures += 1) {
    try {
      const page = await call('GET /v1/events', { query: { ...query, ...position, limit: pageSize, wait }, signal });
      onProblem(undefined);
      return page;
    } catch (error) {
      if (signal.aborted || !(error instanceof ApiProblem)) throw error;
      // A session that has ended is signed in to again, over the page.
      if (!error.isPassing && error.status !== 401) throw error;
      onProblem(error);
      await pause(error.retryAfterMs ?? Math.min(longestRetryMs, 1_000 * 2 ** failures), signal);
      while (hasEnded.value && !signal.aborted) await pause(pauseMs, signal);
      signal.throwIfAborted();
    }
  }
}

interface Walk {
  readonly position: FeedPosition;
  /** Whether no events follow now. */
  readonly isAtEnd: boolean;
}

/**
 * Read forward, page by page.
 *
 * @param mostCalls - Where to stop. A page of a narrow filter may be empty and not be the last.
 * @param isEnough - Says after each page whether to stop there.
 * @throws {ApiProblem} one that does not pass by itself.
 */
export async function readForward(
  from: FeedPosition,
  mostCalls: number,
  reading: Reading,
  isEnough: (events: readonly FeedEvent[]) => boolean = () => false,
): Promise<Walk> {
  let position = from;
  for (let calls = 0; calls < mostCalls; calls += 1) {
    const page = await askForPage(position, 0, reading);
    const hasMoved = !('cursor' in position) || position.cursor !== page.next_cursor;
    position = { cursor: page.next_cursor };
    if (page.data.length > 0) reading.onEvents(page.data);
    // A page that does not move is before a number that is not written yet: that is the end, too.
    if (page.caught_up || !hasMoved || isEnough(page.data)) return { position, isAtEnd: true };
  }
  return { position, isAtEnd: false };
}

/** Wait for events until the signal aborts. @throws {ApiProblem} one that does not pass by itself. */
export async function followLive(from: FeedPosition, reading: Reading): Promise<void> {
  const { signal } = reading;
  let position = from;
  while (!signal.aborted) {
    await untilVisible(signal);
    const startedAtMs = performance.now();
    const page = await askForPage(position, longestWait, reading);
    position = { cursor: page.next_cursor };
    if (page.data.length > 0) reading.onEvents(page.data);
    const isEarly = page.data.length === 0 && performance.now() - startedAtMs < longPauseMs;
    await pause(isEarly ? longPauseMs : pauseMs, signal);
  }
}

/** A page in the background waits for nothing: a tenant has a limited number of waiting calls. */
async function untilVisible(signal: AbortSignal): Promise<void> {
  if (!document.hidden || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener('visibilitychange', end);
      signal.removeEventListener('abort', end);
      resolve();
    };
    document.addEventListener('visibilitychange', end);
    signal.addEventListener('abort', end);
  });
}

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A start of the feed: a duration such as `24h` is a time before now, everything else is as it is. */
export function feedStart(text: string, nowMs: number): string {
  const [, count = '', unit = ''] = /^(\d{1,4})([mhd])$/.exec(text.trim()) ?? [];
  const ms = unitMs[unit];
  return ms === undefined ? text.trim() : new Date(nowMs - Number(count) * ms).toISOString();
}
