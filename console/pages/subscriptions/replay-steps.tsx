import { useEffect, useRef, useState } from 'preact/hooks';
import { type Answer, type ApiProblem, type Body, call } from '../../engine-client.ts';
import { type Action, forget, useAction } from '../../queries.ts';
import { Faulty } from '../../ui/faulty.tsx';
import { focusFault } from '../../ui/focus-fault.ts';
import { ReplayProgress } from './replay-progress.tsx';

/** Which events to send again. */
export type ReplaySelection = Omit<Body<'POST /v1/subscriptions/{id}/replay'>, 'dry_run' | 'event'>;
type Count = Extract<Answer<'POST /v1/subscriptions/{id}/replay'>, { readonly dry_run: true }>;

interface Counted {
  readonly selection: string;
  readonly count: Count;
}

export interface ReplaySteps {
  readonly count: Action<[ReplaySelection], Count>;
  readonly start: Action<[ReplaySelection], string>;
  /** The count of a selection; undefined until it is counted, and when the selection has changed. */
  readonly counted: (selection: ReplaySelection) => Count | undefined;
  /** Id of the replay that was started. */
  readonly started: string | undefined;
  readonly problem: ApiProblem | undefined;
}

/** The two steps of a replay: count what it would send, then start it. */
export function useReplaySteps(subscription: string): ReplaySteps {
  const [counted, setCounted] = useState<Counted>();
  const [started, setStarted] = useState<string>();
  const params = { id: subscription };
  const count = useAction(async (idempotencyKey, selection: ReplaySelection) => {
    const body = { ...selection, dry_run: true };
    const answer = await call('POST /v1/subscriptions/{id}/replay', { params, body, idempotencyKey });
    if (!('dry_run' in answer)) throw new Error('The API answered something else than a count.');
    setCounted({ selection: JSON.stringify(selection), count: answer });
    return answer;
  });
  const start = useAction(async (idempotencyKey, selection: ReplaySelection) => {
    const body = { ...selection, dry_run: false };
    const answer = await call('POST /v1/subscriptions/{id}/replay', { params, body, idempotencyKey });
    if (!('id' in answer)) throw new Error('The API answered something else than a replay.');
    setStarted(answer.id);
    setCounted(undefined);
    await forget('GET /v1/subscriptions/{id}/replays', 'GET /v1/deliveries', 'GET /v1/delivery-errors');
    return answer.id;
  });
  return {
    count,
    start,
    counted: (selection) => (counted?.selection === JSON.stringify(selection) ? counted.count : undefined),
    started,
    problem: count.problem ?? start.problem,
  };
}

interface ReplayButtonsProps {
  readonly steps: ReplaySteps;
  readonly subscription: string;
  readonly selection: ReplaySelection;
  /** Count without being asked. @default false */
  readonly isCountedAtOnce?: boolean;
}

/** Counts, starts, and follows a replay. */
export function ReplayButtons({ steps, subscription, selection, isCountedAtOnce = false }: ReplayButtonsProps) {
  const { count, start, started } = steps;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isCountedAtOnce) void count.run(selection);
  }, []);
  useEffect(() => {
    if (steps.problem !== undefined) focusFault(place.current?.closest('section, dialog'));
  }, [steps.problem]);
  const counted = steps.counted(selection);
  return (
    <div class="stack" ref={place}>
      <Faulty problem={steps.problem} />
      <p role="status">
        {count.isRunning ? 'Counting what would be sent…' : counted === undefined ? null : wordsOf(counted)}
      </p>
      <div class="actions">
        <button type="button" disabled={count.isRunning} onClick={() => void count.run(selection)}>
          {counted === undefined ? 'Count first' : 'Count again'}
        </button>
        <button
          type="button"
          class="primary"
          disabled={counted === undefined || start.isRunning || (counted.matched === 0 && counted.is_complete)}
          title={counted === undefined ? 'Count first what would be sent.' : undefined}
          onClick={() => void start.run(selection)}
        >
          {start.isRunning
            ? 'Starting…'
            : counted === undefined || counted.matched === 0
              ? 'Start the replay'
              : `Replay ${counted.matched.toLocaleString()}${counted.is_complete ? '' : ' or more'}`}
        </button>
      </div>
      {started === undefined ? null : <ReplayProgress subscription={subscription} id={started} />}
    </div>
  );
}

function wordsOf({ scanned, matched, is_complete: isComplete }: Count): string {
  const seen = scanned.toLocaleString();
  const sent = matched.toLocaleString();
  if (!isComplete)
    return `The window is large: of the first ${seen} events, ${sent} would be sent. The replay itself covers all of it.`;
  return matched === 0
    ? `Nothing would be sent: none of the ${seen} events in the window qualifies.`
    : `${sent} of ${seen} events in the window would be sent.`;
}
