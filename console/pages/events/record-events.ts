import { useEffect, useState } from 'preact/hooks';
import { ApiProblem, call } from '../../engine-client.ts';
import { queries } from '../../queries.ts';
import { type FeedEvent, type FeedPosition, readForward } from './event-feed.ts';
import type { State } from './record-state.tsx';

export interface RecordName {
  readonly account: string;
  readonly resource: string;
  readonly recordId: string;
}

/** A state remembers so many changes; a record with fewer has no more. */
const rememberedChanges = 4;
/** Pages of the feed to look through at a time. */
const mostCalls = 20;

interface LastEvents {
  readonly events: readonly FeedEvent[];
  readonly problem: ApiProblem | undefined;
}

/** The last events of a record, by the ids that its state remembers. No feed has to be searched for them. */
export function useLastEvents(
  state: State | undefined,
): LastEvents & { readonly isLoading: boolean; readonly reload: () => void } {
  const ids = state?.changes.map(({ event }) => event).join(' ');
  const [read, set] = useState<LastEvents>();
  const [attempt, again] = useState(0);
  useEffect(() => {
    if (ids === undefined) return undefined;
    let isGone = false;
    const wanted = ids.split(' ').filter((id) => id !== '');
    void Promise.allSettled(wanted.map(readEvent)).then((outcomes) => {
      if (!isGone) set((before) => withEarlier(eventsOf(outcomes), before));
    });
    return () => {
      isGone = true;
    };
  }, [ids, attempt]);
  return {
    events: read?.events ?? [],
    problem: read?.problem,
    isLoading: state !== undefined && read === undefined,
    reload: () => again(attempt + 1),
  };
}

function eventsOf(outcomes: readonly PromiseSettledResult<FeedEvent>[]): LastEvents {
  const faults = outcomes.flatMap((outcome): unknown[] => (outcome.status === 'rejected' ? [outcome.reason] : []));
  return {
    events: outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])),
    // An event may be kept for a shorter time than the state that names it.
    problem: faults.find((fault): fault is ApiProblem => fault instanceof ApiProblem && fault.status !== 404),
  };
}

/** What the state no longer remembers stays, unless there may be more events between. */
function withEarlier(now: LastEvents, before: LastEvents | undefined): LastEvents {
  const known = new Set(before?.events.map(({ id }) => id));
  return now.events.some(({ id }) => known.has(id))
    ? { ...now, events: merged(now.events, before?.events ?? []) }
    : now;
}

/** The key is that of the event's page: one answer serves both. */
async function readEvent(id: string): Promise<FeedEvent> {
  const params = { id };
  return queries.fetchQuery({
    queryKey: ['GET /v1/events/{id}', params, null, null],
    queryFn: ({ signal }) => call('GET /v1/events/{id}', { params, signal }),
    retry: (count, error) => count < 2 && error instanceof ApiProblem && error.isPassing,
    // An event never changes.
    staleTime: 60_000,
  });
}

export interface OlderEvents {
  readonly phase: 'idle' | 'reading' | 'stopped' | 'done';
  readonly events: readonly FeedEvent[];
  readonly problem: ApiProblem | undefined;
  readonly isRetrying: boolean;
  /** Look through the feed, from its beginning, or from where the last look ended. */
  readonly look: () => void;
}

/**
 * The events of a record that its state no longer remembers: the feed is looked through for them.
 *
 * @param tenant - Whose feed; undefined looks nowhere.
 * @param oldest - Sequence number of the oldest event that is known already; undefined where none is.
 */
export function useOlderEvents(
  { account, resource, recordId }: RecordName,
  tenant: string | undefined,
  oldest: number | undefined,
): OlderEvents {
  const [state, set] = useState<Omit<OlderEvents, 'look'>>({
    phase: 'idle',
    events: [],
    problem: undefined,
    isRetrying: false,
  });
  const [from, setFrom] = useState<FeedPosition>({ since: 'beginning' });
  const isReading = state.phase === 'reading';
  useEffect(() => {
    if (!isReading || tenant === undefined) return undefined;
    const leaving = new AbortController();
    const reading = {
      query: { tenant, account, resources: resource, record_id: recordId },
      signal: leaving.signal,
      onEvents: (events: readonly FeedEvent[]) =>
        set((before) => ({ ...before, events: [...events.toReversed(), ...before.events] })),
      onProblem: (problem: ApiProblem | undefined) =>
        set((before) => (before.problem === problem ? before : { ...before, problem, isRetrying: true })),
    };
    const isEnough = (events: readonly FeedEvent[]) =>
      oldest !== undefined && events.some(({ sequence }) => sequence >= oldest);
    readForward(from, mostCalls, reading, isEnough)
      .then(({ position, isAtEnd }) => {
        setFrom(position);
        set((before) => ({ ...before, phase: isAtEnd ? 'done' : 'stopped' }));
      })
      .catch((error: unknown) => {
        if (leaving.signal.aborted) return;
        const problem = error instanceof ApiProblem ? error : new ApiProblem(0, String(error));
        set((before) => ({ ...before, phase: 'stopped', problem, isRetrying: false }));
      });
    return () => leaving.abort();
  }, [isReading, tenant]);
  return { ...state, look: () => set((before) => ({ ...before, phase: 'reading', problem: undefined })) };
}

/** Whether a state remembers all events of its record. */
export function remembersAll(state: State | undefined): boolean {
  return (
    state !== undefined && state.changes.length < rememberedChanges && state.changes.at(-1)?.type === 'record:created'
  );
}

/** Newest first, each once. */
export function merged(...lists: readonly (readonly FeedEvent[])[]): readonly FeedEvent[] {
  const byId = new Map(lists.flat().map((event) => [event.id, event]));
  return [...byId.values()].sort((one, other) => other.sequence - one.sequence);
}
