import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiProblem } from '../../engine-client.ts';
import { type FeedEvent, type FeedPosition, type FeedQuery, feedStart, followLive, readForward } from './event-feed.ts';

/** Events that are kept; more would make the page slow. */
export const mostShown = 300;
/** Pages after which to ask whether to read on. */
const mostCalls = 30;

/** `reading`: on the way to the newest. `stopped`: there are more than one wants to wait for. */
type TailPhase = 'reading' | 'stopped' | 'live';

interface State {
  readonly phase: TailPhase;
  /** Newest first. */
  readonly shown: readonly FeedEvent[];
  /** Events that came while the list was held, newest first. */
  readonly waiting: readonly FeedEvent[];
  readonly readCount: number;
  readonly problem: ApiProblem | undefined;
  readonly isRetrying: boolean;
}

export interface EventTail extends State {
  /** Put the events that wait into the list. */
  readonly insert: () => void;
  /** Go on after a stop, or begin again after a problem. */
  readonly readOn: () => void;
}

const start: State = {
  phase: 'reading',
  shown: [],
  waiting: [],
  readCount: 0,
  problem: undefined,
  isRetrying: false,
};

const newestFirst = (events: readonly FeedEvent[], before: readonly FeedEvent[]) =>
  [...events.toReversed(), ...before].slice(0, mostShown);

/** @param isHeld - Whether new events wait instead of moving the list. */
function withEvents(state: State, events: readonly FeedEvent[], isHeld: boolean): State {
  const readCount = state.readCount + events.length;
  return isHeld && state.phase === 'live'
    ? { ...state, readCount, waiting: newestFirst(events, state.waiting) }
    : { ...state, readCount, shown: newestFirst(events, [...state.waiting, ...state.shown]), waiting: [] };
}

/**
 * The newest events, and those that come.
 *
 * @param query - The tenant and the filters; undefined reads nothing.
 * @param since - Where to start; a duration such as `1h` counts back from now.
 * @param isHeld - Whether the list must not move.
 */
export function useEventTail(query: FeedQuery | undefined, since: string, isHeld: boolean): EventTail {
  const [state, set] = useState(start);
  const [attempt, again] = useState(0);
  const stopped = useRef<FeedPosition>(undefined);
  const held = useRef(isHeld);
  held.current = isHeld;
  const asked = JSON.stringify([query, since]);
  const lastAsked = useRef(asked);
  useEffect(() => {
    if (query === undefined) return undefined;
    const isNew = lastAsked.current !== asked || stopped.current === undefined;
    lastAsked.current = asked;
    if (isNew) set(start);
    const from = (isNew ? undefined : stopped.current) ?? { since: feedStart(since, Date.now()) };
    stopped.current = undefined;
    const leaving = new AbortController();
    const reading = {
      query,
      signal: leaving.signal,
      onEvents: (events: readonly FeedEvent[]) => set((before) => withEvents(before, events, held.current)),
      onProblem: (problem: ApiProblem | undefined) =>
        set((before) => (before.problem === problem ? before : { ...before, problem, isRetrying: true })),
    };
    const follow = async () => {
      const { position, isAtEnd } = await readForward(from, mostCalls, reading);
      if (!isAtEnd) stopped.current = position;
      set((before) => ({ ...before, phase: isAtEnd ? 'live' : 'stopped' }));
      if (isAtEnd) await followLive(position, reading);
    };
    follow().catch((error: unknown) => {
      if (leaving.signal.aborted) return;
      const problem = error instanceof ApiProblem ? error : new ApiProblem(0, String(error));
      set((before) => ({ ...before, problem, isRetrying: false }));
    });
    return () => leaving.abort();
  }, [asked, attempt]);
  const insert = () => set((before) => withEvents(before, [], false));
  useEffect(() => {
    if (!isHeld) insert();
  }, [isHeld]);
  return {
    ...state,
    insert,
    readOn: () => {
      set((before) => ({ ...before, phase: 'reading', problem: undefined }));
      again(attempt + 1);
    },
  };
}
