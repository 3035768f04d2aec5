import type { Entry } from '../../engine-client.ts';
import { useAnswer, useList } from '../../queries.ts';
import { href } from '../../session.ts';
import { Json } from '../../ui/copy.tsx';
import { Empty, Facts, Section } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { exampleOf, type JsonSchema, membersOf } from './catalogue-schema-shape.ts';

type SchemaEntry = Entry<'GET /v1/schemas'>;

interface SchemaProps {
  readonly resource: string;
  /** Undefined for the newest. */
  readonly major: string | undefined;
  readonly entry: SchemaEntry | undefined;
}

/** The schema of a resource: its members, an example, and its versions. */
export function Schema({ resource, major, entry }: SchemaProps) {
  const [model = '', plural = ''] = resource.split('/');
  const asked = useAnswer('GET /v1/schemas/{model}/{plural}', { params: { model, plural }, query: { major } });
  if (asked.data === undefined && asked.problem?.status === 404)
    return (
      <Empty title={`There is no schema of ${resource}${major === undefined ? '' : ` in version ${major}`}.`}>
        Events of such a resource have schema version 0.0.0: their data has the shape that the integration gives it.
      </Empty>
    );
  // The API's schemas are JSON Schemas of the engine's own subset.
  const schema = asked.data as (JsonSchema & { readonly version: string }) | undefined;
  return (
    <>
      <Standing of={asked} what="the schema" />
      {schema === undefined ? null : (
        <>
          <Versions resource={resource} major={major} entry={entry} schema={schema} />
          <Members schema={schema} />
          <Section title="Example">
            <p class="quiet">
              {schema.examples === undefined ? 'Made from the schema: the values are invented.' : 'From the schema.'} It
              is the <code>data</code> of an event.
            </p>
            <Json value={exampleOf(schema)} label={`Example of ${resource}`} />
            <details>
              <summary>The JSON Schema</summary>
              <Json value={asked.data} label={`JSON Schema of ${resource}`} />
            </details>
          </Section>
        </>
      )}
    </>
  );
}

function Versions({
  resource,
  major,
  entry,
  schema,
}: SchemaProps & { readonly schema: JsonSchema & { readonly version: string } }) {
  const newest = entry?.majors[0];
  const shown = Number.parseInt(schema.version, 10);
  const end = entry?.deprecated.find((one) => one.major === shown);
  const path = `/catalogue?schema=${encodeURIComponent(resource)}`;
  return (
    <Section
      title={schema.title ?? resource}
      actions={
        <a class="button small" href={href(`/events?resources=${encodeURIComponent(resource)}`)}>
          Its events
        </a>
      }
    >
      {schema.description === undefined ? null : <p>{schema.description}</p>}
      {end === undefined ? null : <End of={end} newest={newest ?? shown} />}
      <Facts
        of={{
          Resource: <code>{resource}</code>,
          Version: schema.version,
          'Versions that can be read': (entry?.majors ?? [shown]).map((one, place) => (
            <span key={one}>
              {place === 0 ? '' : ', '}
              {one === shown ? (
                <strong>{one}</strong>
              ) : (
                <a href={href(place === 0 ? path : `${path}&major=${one}`)}>{one}</a>
              )}
              {entry?.deprecated.some(({ major: old }) => old === one) === true ? ' (deprecated)' : ''}
            </span>
          )),
          'To read this version': <code>{`schema=${resource}@${major ?? shown}`}</code>,
          'Integrations that have it': <Sources resource={resource} />,
        }}
      />
    </Section>
  );
}

type Ending = Entry<'GET /v1/schemas'>['deprecated'][number];

/** When a major version ends, and how to move on. */
function End({
  of: { major, deprecated_at: since, sunset_at: until, link },
  newest,
}: {
  readonly of: Ending;
  readonly newest: number;
}) {
  return (
    <div class="note note-warn">
      <p>
        Major version {major} has been deprecated since <Time at={since} as="absolute" />: {newest} is the newest.
        Readers that pinned it get it{' '}
        {until === null ? (
          'for now'
        ) : (
          <>
            until <Time at={until} as="absolute" />
          </>
        )}
        . Their answers and callbacks say so in the headers “Deprecation” and “Sunset”.
      </p>
      {link === null ? null : (
        <a href={link} rel="noreferrer">
          How to move to version {newest}
        </a>
      )}
    </div>
  );
}

/** Integrations whose events, or records, have a resource. */
function Sources({ resource }: { readonly resource: string }) {
  const list = useList('GET /v1/integrations', { query: { limit: 200 } });
  const names = (list.data ?? [])
    .filter(({ resources }) => resources.some((one) => one.resource === resource))
    .map(({ name }) => name);
  if (names.length === 0) return <>{list.data === undefined ? '…' : 'Those that only send webhooks of it'}</>;
  return (
    <>
      {names.map((name, place) => (
        <span key={name}>
          {place === 0 ? '' : ', '}
          <a href={href(`/catalogue?integration=${encodeURIComponent(name)}`)}>{name}</a>
        </span>
      ))}
    </>
  );
}

function Members({ schema }: { readonly schema: JsonSchema }) {
  return (
    <Section title="Members">
      <Table
        caption="Members"
        items={membersOf(schema)}
        keyOf={({ path }) => path}
        columns={[
          { title: 'Member', show: ({ path }) => <code>{path}</code> },
          { title: 'Type', show: ({ type, isRequired }) => `${type}${isRequired ? ', required' : ''}` },
          { title: 'Meaning', show: ({ description }) => description },
        ]}
      />
    </Section>
  );
}
