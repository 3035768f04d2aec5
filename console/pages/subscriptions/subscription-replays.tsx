import { useState } from 'preact/hooks';
import type { ApiProblem, Entry } from '../../engine-client.ts';
import { useList } from '../../queries.ts';
import { maySee, tenant } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { ChoiceField, faultsAt, TextField } from '../../ui/field.tsx';
import { Note } from '../../ui/note.tsx';
import { Empty, Section } from '../../ui/page.tsx';
import { type Column, ListTable } from '../../ui/table.tsx';
import { TenantField } from '../../ui/tenant-field.tsx';
import { Time } from '../../ui/time.tsx';
import { TimeField } from '../../ui/time-field.tsx';
import { CancelReplay, ReplayBar } from './replay-progress.tsx';
import { ReplayButtons, type ReplaySelection, useReplaySteps } from './replay-steps.tsx';
import { numberOf, type Subscription } from './subscription-draft.ts';
import type { TabProps } from './subscription-tab.ts';

type Replay = Entry<'GET /v1/subscriptions/{id}/replays'>;
type Mode = NonNullable<ReplaySelection['mode']>;

const modes: Readonly<Record<Mode, string>> = {
  missing: 'What was never delivered',
  failed: 'What failed or was cancelled',
  all: 'Everything',
};

const modeMeanings: Readonly<Record<Mode, string>> = {
  missing: 'Events that the subscription wants and has not got: from before it existed, or while it was disabled.',
  failed: 'Deliveries that are not tried again by themselves.',
  all: 'Every event that the subscription wants, also what it has accepted before.',
};

function StateBadge({ of }: { readonly of: Replay['state'] }) {
  return <Badge of={of} tone={of === 'done' ? 'good' : of === 'running' ? 'busy' : 'quiet'} />;
}

const columns: readonly Column<Replay>[] = [
  { title: 'Started', show: ({ created_at: at }) => <Time at={at} /> },
  { title: 'State', show: ({ state }) => <StateBadge of={state} /> },
  { title: 'What', isMinor: true, show: ({ mode }) => modes[mode] },
  { title: 'Progress', show: (replay) => <ReplayBar of={replay} /> },
  { title: 'Per second', isNumber: true, isMinor: true, show: ({ rate_per_second: rate }) => rate },
  { title: 'Ended', isMinor: true, show: ({ ended_at: at }) => <Time at={at} /> },
  { title: 'Id', isMinor: true, show: ({ id }) => <code>{id}</code> },
  { title: 'Action', show: (replay) => (replay.state === 'running' ? <CancelReplay of={replay} /> : null) },
];

function ReplayList({ id }: { readonly id: string }) {
  const list = useList(
    'GET /v1/subscriptions/{id}/replays',
    { params: { id }, query: { limit: 50 } },
    { everyMs: 3_000 },
  );
  return (
    <Section title="Replays">
      <ListTable
        caption="Replays"
        list={list}
        columns={columns}
        keyOf={(replay) => replay.id}
        empty={
          <Empty title="Nothing has been replayed yet.">
            {maySee('subscriptions:write') ? 'Start a replay above to send past events.' : null}
          </Empty>
        }
      />
    </Section>
  );
}

interface Draft {
  readonly mode: Mode;
  readonly since: string;
  readonly until: string;
  readonly rate: string;
  readonly tenant: string;
}

const emptySelection: Draft = { mode: 'missing', since: '', until: '', rate: '', tenant: '' };

function selectionOf({ mode, since, until, rate, tenant: named }: Draft, isShared: boolean): ReplaySelection {
  const perSecond = numberOf(rate);
  return {
    mode,
    ...(since === '' ? {} : { since }),
    ...(until === '' ? {} : { until }),
    // What is no number is refused by the API, beside the field.
    ...(perSecond === null ? {} : { rate_per_second: perSecond as number }),
    ...(isShared && named !== '' ? { tenant: named } : {}),
  };
}

interface SelectionFieldsProps {
  readonly draft: Draft;
  readonly set: (change: Partial<Draft>) => void;
  readonly problem: ApiProblem | undefined;
  readonly isShared: boolean;
}

function SelectionFields({ draft, set, problem, isShared }: SelectionFieldsProps) {
  return (
    <div class="columns">
      <ChoiceField
        label="What to send"
        value={draft.mode}
        onChange={(mode) => set({ mode: mode as Mode })}
        choices={modes}
        hint={modeMeanings[draft.mode]}
        faults={faultsAt(problem, 'mode')}
      />
      <TimeField
        label="Events since"
        value={draft.since}
        onChange={(since) => set({ since })}
        hint="Empty: from the oldest stored event."
        faults={faultsAt(problem, 'since')}
      />
      <TimeField
        label="Events until"
        value={draft.until}
        onChange={(until) => set({ until })}
        hint="Empty: until now."
        faults={faultsAt(problem, 'until')}
      />
      <TextField
        label="Events per second"
        value={draft.rate}
        onChange={(rate) => set({ rate })}
        hint="1 to 1,000. Empty: the rate of the subscription, or 50."
        faults={faultsAt(problem, 'rate_per_second')}
      />
      {isShared ? (
        <TenantField
          value={draft.tenant}
          onChange={(tenant) => set({ tenant })}
          isRequired
          hint="The subscription serves all tenants, and a replay sends the events of one."
          faults={faultsAt(problem, 'tenant')}
        />
      ) : null}
    </div>
  );
}

function StartReplay({ of }: { readonly of: Subscription }) {
  const [draft, setDraft] = useState<Draft>({ ...emptySelection, tenant: tenant.value ?? '' });
  const steps = useReplaySteps(of.id);
  const isShared = of.tenant === null;
  return (
    <Section title="Send past events">
      <p class="quiet">A replay sends stored events again, beside new ones. Count first what it would send.</p>
      <SelectionFields
        draft={draft}
        set={(change) => setDraft((before) => ({ ...before, ...change }))}
        problem={steps.problem}
        isShared={isShared}
      />
      {of.status === 'disabled' ? (
        <Note tone="warn">The subscription is disabled. You can count, but enable it before you start.</Note>
      ) : null}
      <ReplayButtons steps={steps} subscription={of.id} selection={selectionOf(draft, isShared)} />
    </Section>
  );
}

/** Past events, sent again. */
export function ReplaysTab({ subscription }: TabProps) {
  return (
    <>
      {maySee('subscriptions:write') ? <StartReplay of={subscription} /> : null}
      <ReplayList id={subscription.id} />
    </>
  );
}
