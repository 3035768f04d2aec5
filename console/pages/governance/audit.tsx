import type { OperationId } from '../../../lambdas/engine/api/operations.ts';
import type { Entry } from '../../engine-client.ts';
import { useList } from '../../queries.ts';
import { isOperator, maySee, tenant } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { Difference } from '../../ui/difference.tsx';
import { FilterBar, type Filters, NothingMatches, useFilters } from '../../ui/filters.tsx';
import { LateTextField } from '../../ui/late-field.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { type Column, ListTable } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { TimeField } from '../../ui/time-field.tsx';

type AuditEntry = Entry<'GET /v1/audit'>;

/** Operations that one looks for; others can be typed. */
const operations: readonly (OperationId | 'refuseCredentials')[] = [
  'createAccount',
  'updateAccount',
  'deleteAccount',
  'createSubscription',
  'updateSubscription',
  'deleteSubscription',
  'enableSubscription',
  'disableSubscription',
  'createKey',
  'updateKey',
  'rotateKey',
  'revokeKey',
  'createPortalSession',
  'runSync',
  'resetSync',
  'updateTenant',
  'deleteTenant',
  'exportTenant',
  'refuseCredentials',
];

function StatusBadge({ of: status }: { readonly of: number | null }) {
  if (status === null) return <Badge of="unknown" tone="warn" />;
  return <Badge of={String(status)} tone={status < 400 ? 'good' : 'bad'} />;
}

function What({ of: entry }: { readonly of: AuditEntry }) {
  const { id, operation, object, fields, before, after, source } = entry;
  return (
    <>
      <strong>{operation}</strong> <code>{object}</code>
      <details>
        <summary>
          What changed<span class="hidden"> in {id}</span>
        </summary>
        <div class="audit-details">
          {operation === 'refuseCredentials' ? (
            <p>A secret or a token of the key was refused, or the key has ended. One entry stands for an hour.</p>
          ) : (
            <Difference before={before} after={after} />
          )}
          {fields.length === 0 ? null : <p class="quiet">The call named: {fields.join(', ')}</p>}
          <p class="quiet">
            From {source.ip ?? 'an unknown address'} with {source.user_agent ?? 'an unknown program'}, request{' '}
            <code>{source.request_id}</code>, entry <code>{id}</code>
          </p>
        </div>
      </details>
    </>
  );
}

function columns(): readonly Column<AuditEntry>[] {
  return [
    {
      title: 'When',
      show: ({ at }) => (
        <span class="nowrap">
          <Time at={at} />
        </span>
      ),
    },
    { title: 'What', show: (entry) => <What of={entry} /> },
    {
      title: 'Who',
      isMinor: true,
      show: ({ actor: { key, token } }) => (
        <>
          <code>{key}</code>
          {token === null ? null : <div class="quiet">with a token</div>}
        </>
      ),
    },
    ...(isOperator.value
      ? [{ title: 'Tenant', isMinor: true, show: ({ tenant: name }: AuditEntry) => name ?? 'all' }]
      : []),
    { title: 'Answer', show: ({ status }) => <StatusBadge of={status} /> },
  ];
}

function AuditFilters({ filters }: { readonly filters: Filters }) {
  const { values, set } = filters;
  const value = (name: string) => values[name] ?? '';
  return (
    <FilterBar filters={filters}>
      <LateTextField
        label="Operation"
        value={value('operation')}
        options={operations}
        placeholder="updateSubscription"
        onChange={(operation) => set({ operation: operation.trim() })}
      />
      <LateTextField
        label="Object"
        value={value('object')}
        placeholder="subscriptions/sub_acme"
        onChange={(object) => set({ object: object.trim() })}
      />
      <LateTextField
        label="Key"
        value={value('key')}
        placeholder="Id of the API key"
        onChange={(key) => set({ key: key.trim() })}
      />
      <TimeField label="From" value={value('since')} onChange={(since) => set({ since })} />
      <TimeField label="To" value={value('until')} onChange={(until) => set({ until })} />
    </FilterBar>
  );
}

/** Who changed what, and when. */
export default function AuditPage() {
  const filters = useFilters(['operation', 'object', 'key', 'since', 'until']);
  const list = useList(
    'GET /v1/audit',
    { query: { ...filters.values, tenant: tenant.value, limit: 50 } },
    { everyMs: 30_000, isEnabled: maySee('audit:read') },
  );
  return (
    <Page
      title="Audit"
      intro="All calls that changed something, newest first: who, what, from where. Nobody can change it."
    >
      <AuditFilters filters={filters} />
      <ListTable
        caption="Entries of the audit"
        columns={columns()}
        list={list}
        keyOf={({ id }) => id}
        empty={
          filters.hasAny ? (
            <NothingMatches title="No entry matches these filters." filters={filters} />
          ) : (
            <Empty title="Nothing has been changed yet." />
          )
        }
      />
    </Page>
  );
}
