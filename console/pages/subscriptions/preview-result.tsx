import { useEffect, useRef, useState } from 'preact/hooks';
import type { Answer, ApiProblem, Body } from '../../engine-client.ts';
import { useAnswer } from '../../queries.ts';
import { Badge } from '../../ui/badge.tsx';
import { Json } from '../../ui/copy.tsx';
import { Faulty } from '../../ui/faulty.tsx';
import { Note } from '../../ui/note.tsx';
import { linesOf, type ShapingDraft, shapingOf } from './shaping.ts';

type Preview = Answer<'POST /v1/subscription-preview'>;
type PreviewBody = Body<'POST /v1/subscription-preview'>;

const quietMs = 500;

/** A value once it has not changed for half a second. */
function useQuiet<Value>(value: Value): Value {
  const [quiet, setQuiet] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setQuiet(value), quietMs);
    return () => clearTimeout(timer);
  }, [JSON.stringify(value)]);
  return quiet;
}

export interface Previewed {
  /** The last result, also while the next is awaited. */
  readonly data: Preview | undefined;
  readonly problem: ApiProblem | undefined;
  readonly isRetrying: boolean;
  readonly isWorking: boolean;
}

function bodyOf(event: string, draft: ShapingDraft): PreviewBody {
  // Without a path, the choice of fields is not finished.
  const isUnfinished = draft.fieldsBy !== 'all' && linesOf(draft.fieldPaths).length === 0;
  const options = shapingOf(isUnfinished ? { ...draft, fieldsBy: 'all' } : draft);
  const given = Object.entries(options).filter(([, value]) => value !== null);
  return { event, ...Object.fromEntries(given) };
}

/** What a subscription with these options would make of an event. */
export function usePreview(event: string | undefined, draft: ShapingDraft): Previewed {
  const wanted = bodyOf(event ?? '', draft);
  const body = useQuiet(wanted);
  const asked = useAnswer('POST /v1/subscription-preview', { body }, { isEnabled: body.event !== '' });
  const last = useRef<Preview>(undefined);
  if (asked.data !== undefined) last.current = asked.data;
  return {
    data: asked.problem === undefined ? (asked.data ?? last.current) : undefined,
    problem: asked.problem,
    isRetrying: asked.isRetrying,
    isWorking: asked.isFetching || JSON.stringify(body) !== JSON.stringify(wanted),
  };
}

function Verdict({ of: { wanted, fault } }: { readonly of: Preview }) {
  if (wanted === null)
    return (
      <p>
        <Badge of="undecided" tone="warn" /> The filter could not decide. An event on which a filter fails is sent, so
        that none is missed.
      </p>
    );
  if (!wanted)
    return (
      <p>
        <Badge of="not sent" tone="quiet" /> The filter does not pass this event.
      </p>
    );
  return (
    <p>
      <Badge of={fault === null ? 'sent' : 'fails'} tone={fault === null ? 'good' : 'bad'} />{' '}
      {fault === null ? 'The event would be sent with this body:' : 'The event passes, but no body can be made of it.'}
    </p>
  );
}

const faultOf = { filter: 'Fault of the filter', transform: 'Fault of the transform', event: 'Fault of the event' };

/** Whether the event is sent, and its body, or what is wrong. */
export function PreviewResult({ of: { data, problem, isRetrying, isWorking } }: { readonly of: Previewed }) {
  return (
    <>
      <p class="quiet" role="status">
        {isWorking ? 'Working…' : data === undefined ? '' : 'Up to date.'}
      </p>
      <Faulty problem={problem} isRetrying={isRetrying} what="options" />
      {data === undefined ? null : (
        <>
          <Verdict of={data} />
          {data.fault === null ? null : (
            <Note tone="bad">
              {faultOf[data.fault.of]}: {data.fault.message}
            </Note>
          )}
          {data.body === null ? null : (
            <>
              <p class="quiet">
                {data.content_type} · {new TextEncoder().encode(data.body).byteLength.toLocaleString()} bytes
              </p>
              <Json value={data.body} label="Body" />
            </>
          )}
        </>
      )}
    </>
  );
}
