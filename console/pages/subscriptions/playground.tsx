import { useEffect, useRef, useState } from 'preact/hooks';
import { useAnswer } from '../../queries.ts';
import { maySee } from '../../session.ts';
import { Json } from '../../ui/copy.tsx';
import { type Filters, useFilters } from '../../ui/filters.tsx';
import { LateTextField } from '../../ui/late-field.tsx';
import { EventLink } from '../../ui/links.tsx';
import { Empty, Page, Section } from '../../ui/page.tsx';
import { PreviewResult, usePreview } from './preview-result.tsx';
import { RecentEvents } from './recent-events.tsx';
import { SaveShaping } from './save-shaping.tsx';
import { emptyShaping, type ShapingDraft, shapingDraftOf } from './shaping.ts';
import { ShapingFields } from './shaping-fields.tsx';
import { SubscriptionChoice } from './subscription-choice.tsx';
import type { Subscription } from './subscription-draft.ts';

interface StartProps {
  readonly filters: Filters;
  /** Why the event cannot be used. */
  readonly faults: readonly string[];
}

/** What to begin with: an event, and the options of a subscription. */
function Start({ filters: { values, set }, faults }: StartProps) {
  return (
    <Section title="Begin with">
      <div class="columns">
        <LateTextField
          label="Event id"
          value={values['event'] ?? ''}
          onChange={(event) => set({ event: event.trim() })}
          placeholder="evt_…"
          hint="Copy one from the events, or choose a recent one."
          faults={faults}
        />
        {maySee('subscriptions:read') ? (
          <>
            <RecentEvents value={values['event'] ?? ''} onChange={(event) => set({ event })} />
            <SubscriptionChoice
              label="Options of a subscription"
              none="None: begin empty"
              value={values['subscription'] ?? ''}
              onChange={(subscription) => set({ subscription })}
              hint="Replaces what is typed below."
            />
          </>
        ) : null}
      </div>
    </Section>
  );
}

function EventData({ id }: { readonly id: string }) {
  const { data } = useAnswer('GET /v1/events/{id}', { params: { id } });
  if (data === undefined) return null;
  return (
    <Section title="The event as it is stored" actions={<EventLink id={id}>To the event</EventLink>}>
      <Json value={data} label="Stored event" />
    </Section>
  );
}

/** The options that are stored with the chosen subscription. */
function useStored(id: string | undefined): Subscription | undefined {
  const { data } = useAnswer(
    'GET /v1/subscriptions/{id}',
    { params: { id: id ?? '' } },
    { isEnabled: id !== undefined && maySee('subscriptions:read') },
  );
  return id === undefined || data?.id !== id ? undefined : data;
}

interface Playing {
  readonly draft: ShapingDraft;
  readonly set: (change: Partial<ShapingDraft>) => void;
  /** Fills the stored options in; undefined where they are filled in, or there are none. */
  readonly fill: (() => void) | undefined;
}

/** Stored options fill the form when they arrive, unless a person has typed since they were chosen. */
function usePlaying(subscription: string | undefined, stored: Subscription | undefined): Playing {
  const [draft, setDraft] = useState(emptyShaping);
  // Which choice what is typed came after, and which choice is filled in.
  const typedAfter = useRef<string>(undefined);
  const [filled, setFilled] = useState<string>();
  const isTyped = ({ id }: Subscription) => typedAfter.current === id;
  const fill = (from: Subscription) => {
    setDraft(shapingDraftOf(from));
    setFilled(from.id);
  };
  useEffect(() => {
    if (stored !== undefined && !isTyped(stored)) fill(stored);
  }, [stored?.id]);
  return {
    draft,
    set: (change) => {
      typedAfter.current = subscription;
      setDraft((before) => ({ ...before, ...change }));
    },
    fill: stored === undefined || filled === stored.id || !isTyped(stored) ? undefined : () => fill(stored),
  };
}

/** Tries a filter, fields and a transform on a stored event. Nothing is sent. */
export default function PlaygroundPage() {
  const filters = useFilters(['event', 'subscription']);
  const { event, subscription } = filters.values;
  const stored = useStored(subscription);
  const { draft, set, fill } = usePlaying(subscription, stored);
  const preview = usePreview(event, draft);
  const faults = preview.problem?.status === 404 ? [preview.problem.message] : [];
  return (
    <Page
      title="Playground"
      intro="Try what a subscription would make of an event. Nothing is stored, and nothing is sent."
    >
      <Start filters={filters} faults={faults} />
      <div class="columns">
        <Section title="Options" actions={stored === undefined ? null : <SaveShaping stored={stored} draft={draft} />}>
          {fill === undefined ? null : (
            <p>
              The options of the subscription came after you began to type.{' '}
              <button type="button" class="small" onClick={fill}>
                Fill them in
              </button>
            </p>
          )}
          <ShapingFields draft={draft} set={set} problem={preview.problem} />
        </Section>
        <Section title="Result">
          {event === undefined ? (
            <Empty title="Choose an event first.">The result appears here, half a second after you stop typing.</Empty>
          ) : (
            <PreviewResult of={preview} />
          )}
        </Section>
      </div>
      {event === undefined || faults.length > 0 ? null : <EventData id={event} />}
    </Page>
  );
}
