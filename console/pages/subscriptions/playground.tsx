import { useEffect, useState } from 'preact/hooks';
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

/** The options that are stored with the chosen subscription; they fill the form when they arrive. */
function useStored(id: string | undefined, fill: (draft: ShapingDraft) => void): Subscription | undefined {
  const { data } = useAnswer(
    'GET /v1/subscriptions/{id}',
    { params: { id: id ?? '' } },
    { isEnabled: id !== undefined && maySee('subscriptions:read') },
  );
  useEffect(() => {
    if (data !== undefined) fill(shapingDraftOf(data));
  }, [data?.id]);
  return id === undefined ? undefined : data;
}

/** Tries a filter, fields and a transform on a stored event. Nothing is sent. */
export default function PlaygroundPage() {
  const filters = useFilters(['event', 'subscription']);
  const { event, subscription } = filters.values;
  const [draft, setDraft] = useState(emptyShaping);
  const stored = useStored(subscription, setDraft);
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
          <ShapingFields
            draft={draft}
            set={(change) => setDraft((before) => ({ ...before, ...change }))}
            problem={preview.problem}
          />
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
