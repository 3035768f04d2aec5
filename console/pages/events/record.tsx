import { useState } from 'preact/hooks';
import { useAnswer } from '../../queries.ts';
import { href, isOperator, maySee, tenant } from '../../session.ts';
import { Empty, Page, Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { AccountLink } from './event-parts.tsx';
import { merged, type RecordName, remembersAll, useLastEvents, useOlderEvents } from './record-events.ts';
import { RecordHistory } from './record-history.tsx';
import { RecordLive } from './record-live.tsx';
import { RecordState } from './record-state.tsx';

const everyMs = 10_000;

interface RecordPageProps {
  readonly account: string;
  readonly model: string;
  readonly plural: string;
  /** Id of the record; it may hold slashes. Undefined where the address ends before it. */
  readonly record?: string;
}

/** One record: what is known of it, its history, and what the provider has now. */
export default function RecordPage({ account, model, plural, record }: RecordPageProps) {
  const resource = `${model}/${plural}`;
  if (record === undefined)
    return (
      <Page title="Record">
        <Empty title="The address names no record.">
          <a href={href('/events')}>To the events</a>
        </Empty>
      </Page>
    );
  return (
    <Page
      title={`Record ${record}`}
      intro={
        <>
          <a href={href(`/catalogue?schema=${encodeURIComponent(resource)}`)}>{resource}</a> of account{' '}
          <AccountLink id={account} />
        </>
      }
      actions={<RecordActions account={account} resource={resource} recordId={record} />}
    >
      <OneRecord key={`${account} ${resource} ${record}`} account={account} resource={resource} recordId={record} />
    </Page>
  );
}

function RecordActions({ account, resource, recordId }: RecordName) {
  const query = new URLSearchParams({ account, resources: resource, record_id: recordId }).toString();
  return (
    <>
      <a class="button" href={href(`/events?${query}`)}>
        Follow its events
      </a>
      {maySee('subscriptions:read') ? (
        <a class="button" href={href(`/deliveries?${query}`)}>
          Deliveries
        </a>
      ) : null}
    </>
  );
}

function OneRecord(name: RecordName) {
  const { account, resource, recordId } = name;
  const [model = '', plural = ''] = resource.split('/');
  // Once there is none, it is not asked for again: each time, the page would look as if it were loading.
  const [isStateless, setStateless] = useState(false);
  const state = useAnswer(
    'GET /v1/accounts/{id}/states/{model}/{plural}/{record_id}',
    { params: { id: account, model, plural, record_id: recordId } },
    { everyMs: isStateless ? undefined : everyMs },
  );
  if (!isStateless && state.data === undefined && state.problem?.status === 404) setStateless(true);
  const owner = useAnswer('GET /v1/accounts/{id}', { params: { id: account } }, { isEnabled: maySee('accounts:read') });
  const ownTenant = isOperator.value ? (owner.data?.tenant ?? tenant.value) : tenant.value;
  const last = useLastEvents(state.data);
  const older = useOlderEvents(name, ownTenant, last.events.at(-1)?.sequence);
  const events = merged(last.events, older.events);
  if (owner.data === undefined && owner.problem?.status === 404)
    return (
      <Empty title={`There is no account “${account}”.`}>Without its account, nothing is known of the record.</Empty>
    );
  return (
    <>
      <div class="columns">
        <Section title="What Tributary knows">
          <RecordState asked={state} />
        </Section>
        <Section title="What the provider has">
          <RecordLive name={name} last={events.find(({ thin }) => thin !== true)} />
        </Section>
      </div>
      <Section title="History">
        <p class="quiet">The newest event is at the top, each with what differs from the one before.</p>
        <Problem problem={last.problem} onRetry={last.reload} />
        {last.isLoading || (state.data === undefined && !isStateless) ? (
          <p class="loading" role="status">
            Loading the events…
          </p>
        ) : (
          <RecordHistory
            events={events}
            older={older}
            isComplete={remembersAll(state.data)}
            hasState={!isStateless}
            hasTenant={ownTenant !== undefined}
          />
        )}
      </Section>
    </>
  );
}
