import { useState } from 'preact/hooks';
import type { Answer } from '../../engine-client.ts';
import { useAnswer } from '../../queries.ts';
import { href, isOperator, maySee } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { Facts, Section } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import { EditCanary } from './catalogue-canary-edit.tsx';

type Canary = Answer<'GET /v1/integrations/{integration}/canary'>;
type Difference = Canary['differences'][number];

const modes = {
  compare: 'The current definition makes the events; the candidate is compared',
  use: 'The candidate makes the events; the current definition is compared',
} as const;

/** The trial of an integration's candidate: on which accounts, and what it makes otherwise. */
export function IntegrationCanary({ name }: { readonly name: string }) {
  const [isOpen, setOpen] = useState(false);
  const asked = useAnswer(
    'GET /v1/integrations/{integration}/canary',
    { params: { integration: name } },
    { everyMs: 15_000 },
  );
  const canary = asked.data;
  const isNothing = canary !== undefined && !canary.deployed && canary.accounts.length === 0;
  // Most integrations have no candidate: nothing is said of it then.
  if (isNothing) return null;
  return (
    <Section
      title="Canary"
      actions={
        isOperator.value && maySee('integrations:write') && canary !== undefined ? (
          <button type="button" class="small" onClick={() => setOpen(true)}>
            Choose accounts
          </button>
        ) : undefined
      }
    >
      <Standing of={asked} what="the trial" />
      {canary === undefined ? null : <Trial of={canary} />}
      {isOpen && canary !== undefined ? (
        <EditCanary name={name} canary={canary} onClose={() => setOpen(false)} />
      ) : null}
    </Section>
  );
}

function Trial({ of: canary }: { readonly of: Canary }) {
  const { version, mode, note, accounts, differences } = canary;
  return (
    <>
      {note === null ? null : <p>{note}</p>}
      <Facts
        of={{
          Candidate: version === null ? undefined : <code>{version}</code>,
          Mode: mode === null ? undefined : modes[mode],
        }}
      />
      {accounts.length === 0 ? null : (
        <Table
          caption="Accounts of the trial"
          items={accounts}
          keyOf={({ id }) => id}
          columns={[
            { title: 'Account', show: ({ id }) => <a href={href(`/accounts/${encodeURIComponent(id)}`)}>{id}</a> },
            { title: 'Tenant', show: ({ tenant }) => tenant, isMinor: true },
            { title: 'Mode', show: ({ mode: own }) => own ?? 'not tried: created anew' },
            { title: 'Compared', show: ({ compared }) => compared, isNumber: true },
            { title: 'Different', show: ({ different }) => different, isNumber: true },
            { title: 'Failed', show: ({ failed }) => failed, isNumber: true },
          ]}
        />
      )}
      {accounts.length > 0 && differences.length === 0 ? <p class="quiet">No difference was found so far.</p> : null}
      {differences.map((one) => (
        <DifferentInput key={`${one.account} ${one.input} ${one.at}`} of={one} />
      ))}
    </>
  );
}

/** One request of which the two definitions make different events, member by member, side by side. */
function DifferentInput({ of: difference }: { readonly of: Difference }) {
  const { at, account, input, published, failures, events, more } = difference;
  return (
    <section class="canary-difference">
      <h3>
        Request <code>{input}</code> of {account}
      </h3>
      <p class="quiet">
        <time dateTime={at}>{new Date(at).toLocaleString()}</time>, published: the {published} one’s events
      </p>
      {failures.current === null ? null : <p>The current definition failed: {failures.current}</p>}
      {failures.candidate === null ? null : <p>The candidate failed: {failures.candidate}</p>}
      {events.map((event, index) => (
        <div key={`${event.resource} ${event.record_id} ${index}`}>
          <p>
            {event.resource} <code>{event.record_id}</code>{' '}
            {event.kind === 'changed' ? null : (
              <Badge of={event.kind === 'only-current' ? 'only current' : 'only candidate'} />
            )}
          </p>
          <Table
            caption={`Differences of ${event.resource} ${event.record_id} in request ${input}`}
            items={event.differences}
            keyOf={({ path }) => path}
            columns={[
              { title: 'Member', show: ({ path }) => <code>{path}</code> },
              { title: 'Current', show: (one) => <Value of={'current' in one ? one.current : undefined} /> },
              { title: 'Candidate', show: (one) => <Value of={'candidate' in one ? one.candidate : undefined} /> },
            ]}
          />
          {event.more === 0 ? null : <p class="quiet">And {event.more} more members.</p>}
        </div>
      ))}
      {more === 0 ? null : <p class="quiet">And {more} more events.</p>}
    </section>
  );
}

function Value({ of: value }: { readonly of: unknown }) {
  return value === undefined ? <span class="quiet">absent</span> : <code>{JSON.stringify(value)}</code>;
}
