import { useAnswer, useList } from '../../queries.ts';
import { maySee } from '../../session.ts';
import { useFilters } from '../../ui/filters.tsx';
import { LateTextField } from '../../ui/late-field.tsx';
import { address } from '../../ui/links.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { AccountForm } from './account-form.tsx';

const title = 'Connect an account';

/** The first step: which provider. */
function ChooseIntegration() {
  const filters = useFilters(['find']);
  const wanted = filters.values['find'] ?? '';
  const list = useList('GET /v1/integrations', { query: { limit: 500 } });
  const shown = (list.data ?? []).filter(({ name, title: text }) =>
    `${name} ${text}`.toLowerCase().includes(wanted.toLowerCase()),
  );
  return (
    <Page title={title} intro="Choose the provider. Then the console asks for what this provider needs.">
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <LateTextField
          label="Find a provider"
          type="search"
          value={wanted}
          onChange={(find) => filters.set({ find })}
          placeholder="Name"
        />
      </form>
      <Standing of={list} what="integrations" />
      {list.data !== undefined && shown.length === 0 ? (
        <Empty title="No provider has this name.">
          A provider that is not in the list needs a definition: the command line makes one with <code>new</code>.
        </Empty>
      ) : null}
      <ul class="cards">
        {shown.map(({ name, title: text, webhook, syncs }) => (
          <li key={name}>
            <a href={address('/accounts/new', { integration: name })}>{text}</a>
            <span class="quiet">
              {[webhook ? ['webhooks'] : [], syncs.length > 0 ? ['syncs'] : []].flat().join(', ') || 'API only'}
            </span>
          </li>
        ))}
      </ul>
    </Page>
  );
}

/** The second step: what this provider needs. */
function Connect({ name }: { readonly name: string }) {
  const integration = useAnswer('GET /v1/integrations/{integration}', { params: { integration: name } });
  return (
    <Page
      title={integration.data === undefined ? title : `Connect ${integration.data.title}`}
      intro={<a href={address('/accounts/new')}>Choose another provider</a>}
    >
      <Standing of={integration} what="the integration" />
      {integration.data === undefined ? null : <AccountForm key={name} integration={integration.data} />}
    </Page>
  );
}

export default function NewAccountPage() {
  const { integration } = useFilters(['integration']).values;
  if (!maySee('accounts:write'))
    return (
      <Page title={title}>
        <Empty title="You may not connect accounts.">
          It needs the scope accounts:write. Ask who gave you access for it.
        </Empty>
      </Page>
    );
  return integration === undefined ? <ChooseIntegration /> : <Connect name={integration} />;
}
