import { useList } from '../../queries.ts';
import { href, maySee } from '../../session.ts';
import { useFilters } from '../../ui/filters.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { ListTable } from '../../ui/table.tsx';
import { EventType } from '../events/event-parts.tsx';
import { Integration } from './catalogue-integration.tsx';
import { Schema } from './catalogue-schema.tsx';
import { CatalogueSplit } from './catalogue-split.tsx';

const tabs = { types: 'Event types', schemas: 'Schemas', integrations: 'Integrations' } as const;
type Tab = keyof typeof tabs;

const all = { query: { limit: 200 } };

/** What there is: types of events, schemas of their data, and integrations. The chosen one is in the address. */
export default function CataloguePage() {
  const { values } = useFilters(['tab', 'schema', 'major', 'integration']);
  const tab = tabOf(values);
  return (
    <Page
      title="Catalogue"
      intro="The types of events, the shape of their data, and the providers that can be connected."
    >
      <nav class="tabs" aria-label="Parts of the catalogue">
        {(Object.keys(tabs) as Tab[]).map((one) => (
          <a key={one} href={href(`/catalogue?tab=${one}`)} aria-current={one === tab ? 'page' : undefined}>
            {tabs[one]}
          </a>
        ))}
      </nav>
      {tab === 'types' ? <EventTypes /> : null}
      {tab === 'schemas' ? <Schemas chosen={values['schema']} major={values['major']} /> : null}
      {tab === 'integrations' ? <Integrations chosen={values['integration']} /> : null}
    </Page>
  );
}

/** A link to a schema or an integration needs no tab. */
function tabOf(values: Readonly<Record<string, string>>): Tab {
  const { tab } = values;
  if (tab !== undefined && tab in tabs) return tab as Tab;
  return values['schema'] !== undefined ? 'schemas' : values['integration'] !== undefined ? 'integrations' : 'types';
}

function EventTypes() {
  const list = useList('GET /v1/event-types', all);
  return (
    <ListTable
      list={list}
      caption="Event types"
      keyOf={({ type }) => type}
      empty={<Empty title="There are no event types." />}
      columns={[
        { title: 'Type', show: ({ type }) => <EventType of={type} /> },
        { title: 'Meaning', show: ({ description }) => description },
        {
          title: 'About',
          show: ({ kind }) => (kind === 'record' ? 'a record of a provider' : 'Tributary itself'),
          isMinor: true,
        },
        {
          title: 'Events',
          show: ({ type }) =>
            maySee('events:read') ? (
              <a href={href(`/events?types=${encodeURIComponent(type)}`)}>
                Show<span class="hidden"> events of type {type}</span>
              </a>
            ) : null,
        },
      ]}
    />
  );
}

function Schemas({ chosen, major }: { readonly chosen: string | undefined; readonly major: string | undefined }) {
  const list = useList('GET /v1/schemas', all);
  return (
    <>
      <Standing of={list} what="schemas" />
      <CatalogueSplit
        label="Schemas"
        parameter="schema"
        chosen={chosen}
        entries={(list.data ?? []).map(({ resource, version, majors }) => ({
          id: resource,
          title: resource.split('/')[1] ?? resource,
          group: resource.split('/')[0] ?? '',
          note: majors.length > 1 ? `${version}, and older` : version,
        }))}
      >
        {chosen === undefined ? (
          <Empty title="Choose a schema">Each resource has one shape, whichever provider its records are from.</Empty>
        ) : (
          <Schema
            key={`${chosen}@${major ?? ''}`}
            resource={chosen}
            major={major}
            entry={list.data?.find(({ resource }) => resource === chosen)}
          />
        )}
      </CatalogueSplit>
    </>
  );
}

function Integrations({ chosen }: { readonly chosen: string | undefined }) {
  const list = useList('GET /v1/integrations', all);
  return (
    <>
      <Standing of={list} what="integrations" />
      <CatalogueSplit
        label="Integrations"
        parameter="integration"
        chosen={chosen}
        entries={(list.data ?? []).map(({ name, title, webhook, syncs }) => ({
          id: name,
          title,
          note: [webhook ? 'webhooks' : '', syncs.length > 0 ? 'syncs' : ''].filter((one) => one !== '').join(', '),
        }))}
      >
        {chosen === undefined ? (
          <Empty title="Choose an integration">It shows its webhooks, resources and syncs.</Empty>
        ) : (
          <Integration key={chosen} name={chosen} />
        )}
      </CatalogueSplit>
    </>
  );
}
