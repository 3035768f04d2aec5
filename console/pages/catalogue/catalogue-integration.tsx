import type { Answer } from '../../engine-client.ts';
import { useAnswer } from '../../queries.ts';
import { href, maySee } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { Empty, Facts, Section } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import { IntegrationCanary } from './catalogue-canary.tsx';
import { IntegrationAccess, IntegrationSyncs } from './catalogue-integration-parts.tsx';

type IntegrationEntry = Answer<'GET /v1/integrations/{integration}'>;

/** What an integration brings: webhooks, resources, syncs, and what an account needs. */
export function Integration({ name }: { readonly name: string }) {
  const asked = useAnswer('GET /v1/integrations/{integration}', { params: { integration: name } });
  if (asked.data === undefined && asked.problem?.status === 404)
    return <Empty title={`There is no integration “${name}”.`}>Choose one of the list.</Empty>;
  return (
    <>
      <Standing of={asked} what="the integration" />
      {asked.data === undefined ? null : <Known of={asked.data} />}
    </>
  );
}

function Known({ of: integration }: { readonly of: IntegrationEntry }) {
  const { name, title, docs } = integration;
  return (
    <>
      <Section title={title} actions={<IntegrationLinks name={name} />}>
        <Facts
          of={{
            Name: <code>{name}</code>,
            Documentation:
              docs === null ? undefined : (
                <a href={docs} rel="noreferrer" target="_blank">
                  At the provider<span class="hidden"> (a new tab)</span>
                </a>
              ),
            'Calls an API': integration.credentials.length > 0 ? 'Yes' : 'No',
          }}
        />
      </Section>
      <Webhooks of={integration} />
      <Resources of={integration} />
      <IntegrationSyncs of={integration} />
      <IntegrationAccess of={integration} />
      {maySee('events:read') ? <IntegrationCanary name={name} /> : null}
    </>
  );
}

function IntegrationLinks({ name }: { readonly name: string }) {
  const query = `?integration=${encodeURIComponent(name)}`;
  return (
    <>
      <a class="button small" href={href(`/events${query}`)}>
        Its events
      </a>
      {maySee('accounts:read') ? (
        <a class="button small" href={href(`/accounts${query}`)}>
          Its accounts
        </a>
      ) : null}
      {maySee('accounts:write') ? (
        <a class="button small primary" href={href(`/accounts/new${query}`)}>
          Connect an account
        </a>
      ) : null}
    </>
  );
}

function Webhooks({ of: integration }: { readonly of: IntegrationEntry }) {
  const { webhook, secrets, serves_all_accounts: isShared, captured_secrets: captured } = integration;
  const names = Object.entries(secrets);
  return (
    <Section title="Webhooks">
      {webhook ? (
        <p>
          The provider sends webhooks.{' '}
          {isShared ? 'One URL can serve all accounts.' : 'Each account has a URL of its own.'}
        </p>
      ) : (
        <p>The provider sends no webhooks: syncs find its changes.</p>
      )}
      {names.length === 0 ? null : (
        <Table
          caption="Secrets"
          items={names}
          keyOf={([secret]) => secret}
          columns={[
            {
              title: 'Secret',
              show: ([secret]) => (
                <>
                  <code>{secret}</code>{' '}
                  {captured.includes(secret) ? (
                    <span title="The provider sends it in its handshake.">
                      <Badge of="captured" />
                    </span>
                  ) : null}
                </>
              ),
            },
            { title: 'Where to find it', show: ([, hint]) => hint },
          ]}
        />
      )}
    </Section>
  );
}

function Resources({ of: { resources } }: { readonly of: IntegrationEntry }) {
  return (
    <Section title="Resources">
      {resources.length === 0 ? (
        <p class="quiet">The integration declares none: its webhooks say what they are about.</p>
      ) : (
        <Table
          caption="Resources"
          items={resources}
          keyOf={({ resource }) => resource}
          columns={[
            {
              title: 'Resource',
              show: ({ resource }) => (
                <a href={href(`/catalogue?schema=${encodeURIComponent(resource)}`)}>{resource}</a>
              ),
            },
            {
              title: 'What it is',
              show: ({ state, unfetchable }) => (
                <>
                  {state === 'record' ? 'Records, whose changes are compared' : 'Facts, which never change'}
                  {unfetchable === null ? null : <p class="quiet">Notices stay thin: {unfetchable}</p>}
                </>
              ),
            },
            { title: 'Calls', show: ({ methods }) => methods.join(', ') || '–' },
            { title: 'Filters', show: ({ filters }) => filters.join(', ') || '–', isMinor: true },
          ]}
        />
      )}
    </Section>
  );
}
