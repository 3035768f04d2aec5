import { useList } from '../../queries.ts';
import { maySee, tenant } from '../../session.ts';
import { ListField } from '../../ui/list-field.tsx';
import { Section } from '../../ui/page.tsx';
import type { PartProps } from './subscription-form-part.tsx';

/** Patterns that stand for several types. */
const typePatterns = ['record:*', 'subscription.*', 'delivery.*', 'account.*', 'sync.*'];

/** Which events are sent. */
export function EventsPart({ draft, set, problem }: PartProps) {
  const query = { limit: 200 };
  const types = useList('GET /v1/event-types', { query });
  const schemas = useList('GET /v1/schemas', { query });
  const integrations = useList('GET /v1/integrations', { query });
  const accounts = useList(
    'GET /v1/accounts',
    { query: { ...query, tenant: tenant.value } },
    { isEnabled: maySee('accounts:read') },
  );
  const resources = schemas.data?.map(({ resource }) => resource) ?? [];
  const models = [...new Set(resources.map((resource) => `${resource.split('/')[0]}/*`))];
  return (
    <Section title="Events to send">
      <p class="quiet">Separate several entries with commas. What is empty restricts nothing.</p>
      <div class="columns">
        <ListField
          label="Types"
          path="types"
          value={draft.types}
          onChange={(value) => set({ types: value })}
          known={[...typePatterns, ...(types.data ?? []).map(({ type }) => type)]}
          placeholder="record:*"
          hint="Empty: all changes of records. Events about Tributary itself are sent only if they are named."
          problem={problem}
        />
        <ListField
          label="Resources"
          path="resources"
          value={draft.resources}
          onChange={(value) => set({ resources: value })}
          known={[...models, ...resources]}
          placeholder="hris/employees, crm/*"
          problem={problem}
        />
        <ListField
          label="Integrations"
          path="integrations"
          value={draft.integrations}
          onChange={(value) => set({ integrations: value })}
          known={integrations.data?.map(({ name }) => name) ?? []}
          problem={problem}
        />
        <ListField
          label="Accounts"
          path="accounts"
          value={draft.accounts}
          onChange={(value) => set({ accounts: value })}
          known={accounts.data?.map(({ id }) => id) ?? []}
          problem={problem}
        />
      </div>
    </Section>
  );
}
