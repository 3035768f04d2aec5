import type { Answer } from '../../engine-client.ts';
import { href } from '../../session.ts';
import { Section } from '../../ui/page.tsx';
import { Table } from '../../ui/table.tsx';

type IntegrationEntry = Answer<'GET /v1/integrations/{integration}'>;

type Sync = IntegrationEntry['syncs'][number];
type Limit = IntegrationEntry['limits'][number];

/** What an account with credentials is polled for. */
export function IntegrationSyncs({ of: { syncs } }: { readonly of: IntegrationEntry }) {
  return (
    <Section title="Syncs">
      {syncs.length === 0 ? (
        <p class="quiet">The integration declares none: its events come by webhooks only.</p>
      ) : (
        <Table
          caption="Syncs"
          items={syncs}
          keyOf={({ id }) => id}
          columns={[
            { title: 'Sync', show: ({ id }) => <code>{id}</code> },
            { title: 'Reads', show: (sync) => <SyncResources of={sync} /> },
            { title: 'When', show: whenText },
            { title: 'Compares all records', show: reconcileText, isMinor: true },
            {
              title: 'Events',
              show: ({ emit, snapshot }) => (
                <>
                  {emit === 'records' ? 'One for each change' : 'One for each run'}
                  {snapshot === 'silent' ? '; none of the first run' : ''}
                </>
              ),
              isMinor: true,
            },
          ]}
        />
      )}
    </Section>
  );
}

function SyncResources({ of: { resources } }: { readonly of: Sync }) {
  return (
    <ul>
      {resources.map(({ resource, by, depends_on: parent, each }) => (
        <li key={resource}>
          <a href={href(`/catalogue?schema=${encodeURIComponent(resource)}`)}>{resource}</a>
          <span class="quiet">
            {' '}
            {by === 'changes' ? 'what has changed' : 'all records, to compare them'}
            {parent === null ? '' : `, for each of ${parent} that changed`}
            {each === null ? '' : `, for each ${Object.keys(each).join(' and ')}`}
          </span>
        </li>
      ))}
    </ul>
  );
}

function whenText({ every, between, cron, time_zone: zone }: Sync): string {
  if (cron !== null) return `${cron} (${zone})`;
  const bounds = between === null ? '' : `, at ${between[0]} to ${between[1]} as changes come`;
  return `Every ${every ?? '5m'}${bounds}`;
}

function reconcileText({ reconcile, time_zone: zone }: Sync): string {
  if (reconcile === null) return 'Once a day';
  return reconcile === 'off' ? 'Never' : `${reconcile} (${zone})`;
}

/** What an account has to bring, and the limits that its calls keep. */
export function IntegrationAccess({ of: { context, credentials, limits } }: { readonly of: IntegrationEntry }) {
  return (
    <>
      {credentials.length === 0 ? null : (
        <Section title="Credentials">
          <p class="quiet">An account brings one of these kinds.</p>
          {credentials.map(({ type, connect, scopes, members }) => (
            <div key={type} class="credential">
              <h3>{type}</h3>
              {connect ? <p>The owner of the account can consent at the provider.</p> : null}
              {scopes.length === 0 ? null : <p class="quiet">Scopes: {scopes.join(' ')}</p>}
              <Members label={`Members of ${type}`} of={members} />
            </div>
          ))}
        </Section>
      )}
      {context.length === 0 ? null : (
        <Section title="Context">
          <p class="quiet">What an account says about itself besides credentials.</p>
          <Members label="Context" of={context} />
        </Section>
      )}
      {limits.length === 0 ? null : (
        <Section title="Limits of the provider">
          <ul>
            {limits.map((limit) => (
              <li key={limit.name}>
                <code>{limit.name}</code>: {limitText(limit)}
              </li>
            ))}
          </ul>
        </Section>
      )}
    </>
  );
}

interface MembersProps {
  readonly label: string;
  readonly of: readonly {
    readonly name: string;
    readonly help: string;
    readonly required: boolean;
    readonly default: string | null;
  }[];
}

function Members({ label, of: members }: MembersProps) {
  if (members.length === 0) return <p class="quiet">It has no members to fill in.</p>;
  return (
    <Table
      caption={label}
      items={members}
      keyOf={({ name }) => name}
      columns={[
        { title: 'Name', show: ({ name }) => <code>{name}</code> },
        { title: 'Meaning', show: ({ help }) => help },
        {
          title: 'Needed',
          show: ({ required, default: usual }) => (required ? 'yes' : usual === null ? 'no' : `no, “${usual}”`),
        },
      ]}
    />
  );
}

function limitText({ kind, maximum, per_seconds: seconds, scope }: Limit): string {
  const whose = scope === 'account' ? 'each account' : 'all accounts together';
  const count = maximum.toLocaleString();
  switch (kind) {
    case 'calls':
      return `${count} calls${seconds === null ? '' : ` in ${seconds.toLocaleString()} s`}, ${whose}`;
    case 'concurrent':
      return `${count} calls at the same time, ${whose}`;
    case 'bucket':
      return `a bucket of ${count}, which fills up again, ${whose}`;
  }
}
