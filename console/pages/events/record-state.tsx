import type { Answer } from '../../engine-client.ts';
import type { Asked } from '../../queries.ts';
import { Badge } from '../../ui/badge.tsx';
import { Empty, Facts } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';

export type State = Answer<'GET /v1/accounts/{id}/states/{model}/{plural}/{record_id}'>;
type Drop = State['drops'][number];

const drops: Readonly<Record<Drop['outcome'], string>> = {
  stale: 'Older than what was known already, so it would have taken the record back in time.',
  unchanged: 'Says the same as what was known already.',
};

/** What the engine knows of a record, and what it left out. */
export function RecordState({ asked }: { readonly asked: Asked<State> }) {
  const { data: state, problem } = asked;
  if (state === undefined && problem?.status === 404)
    return (
      <Empty title="Tributary keeps no state of this record.">
        It has not seen the record, or the resource holds facts, such as messages, which have no state.
      </Empty>
    );
  return (
    <>
      <Standing of={asked} what="the state" />
      {state === undefined ? null : <Known state={state} />}
    </>
  );
}

function Known({ state }: { readonly state: State }) {
  return (
    <>
      <Facts
        of={{
          'At the provider': state.deleted ? <Badge of="deleted" tone="bad" /> : <Badge of="exists" tone="good" />,
          'Last change seen': <Time at={state.seen_at} as="absolute" />,
          'Learned by': state.origin,
          'Ordered by': (
            <code title="The version that the provider gave, else the time of the change.">{state.rank}</code>
          ),
          'Last version': state.last_version === null ? undefined : <code>{state.last_version}</code>,
          'Sequence number of the last event': state.sequence,
        }}
      />
      <h3>Inputs that made no event</h3>
      {state.drops.length === 0 ? (
        <p class="quiet">None is remembered.</p>
      ) : (
        <>
          <p class="quiet">
            The last three at most. They are no faults: providers send webhooks late, twice and out of order.
          </p>
          <Table
            caption="Inputs that made no event"
            items={state.drops}
            keyOf={({ seen_at: at, outcome, origin, rank }) => `${at} ${outcome} ${origin} ${rank}`}
            columns={[
              { title: 'Seen', show: ({ seen_at: at }) => <Time at={at} as="absolute" /> },
              { title: 'Outcome', show: ({ outcome }) => <Badge of={outcome} /> },
              { title: 'Why', show: ({ outcome }) => drops[outcome] },
              { title: 'Origin', show: ({ origin }) => origin, isMinor: true },
              { title: 'Ordered by', show: ({ rank }) => <code>{rank}</code>, isMinor: true },
            ]}
          />
        </>
      )}
    </>
  );
}
