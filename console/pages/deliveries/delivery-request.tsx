import type { Answer } from '../../engine-client.ts';
import { useAnswer } from '../../queries.ts';
import { Code, Copy, Json } from '../../ui/copy.tsx';
import { Empty, Section } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import { SignatureHelp } from './signature-help.tsx';

type Request = Answer<'GET /v1/deliveries/{id}/request'>;

interface DeliveryRequestProps {
  readonly id: string;
  readonly attempt: number;
}

/** Why a request cannot be made anew. */
const gone: Readonly<Record<string, string>> = {
  'event-expired': 'The event is no longer kept, so its request cannot be shown.',
  'not-prepared': 'No callback can be made of the event.',
};

/** The request of an attempt, as it can be made anew. */
export function DeliveryRequest({ id, attempt }: DeliveryRequestProps) {
  const request = useAnswer('GET /v1/deliveries/{id}/request', { params: { id }, query: { attempt } });
  const { data, problem } = request;
  const why = problem?.status === 409 ? (gone[problem.reason ?? ''] ?? problem.message) : undefined;
  return (
    <Section title={`Request of attempt ${attempt}`} actions={data === undefined ? null : <CopyRequest of={data} />}>
      {why === undefined ? (
        <Standing of={request} what="the request" />
      ) : (
        <Empty title={why}>{problem?.reason === 'not-prepared' ? problem.message : null}</Empty>
      )}
      {data === undefined ? null : <RequestParts of={data} />}
    </Section>
  );
}

function CopyRequest({ of }: { readonly of: Request }) {
  return <Copy text={curlOf(of)} label="Copy as curl" />;
}

function RequestParts({ of }: { readonly of: Request }) {
  const { url, headers, body, body_bytes: bytes, is_batched: isBatched } = of;
  const isCut = new TextEncoder().encode(body).byteLength < bytes;
  return (
    <>
      <p class="quiet">
        Requests are not recorded. This one is made anew from the stored event and the subscription as it is now, for
        the time of the attempt. Values that may hold credentials are masked as ***.
      </p>
      {isBatched ? (
        <p class="note note-warn">
          The subscription sends several events in one request. This is what the event would be alone: the id, the body
          and the signature of the batch were others.
        </p>
      ) : null}
      <Code text={`POST ${url}`} label="Address" isWrapped />
      <h3>Headers</h3>
      <Table
        caption="Headers of the request"
        items={Object.entries(headers)}
        keyOf={([name]) => name}
        columns={[
          { title: 'Name', show: ([name]) => <code class="whole">{name}</code> },
          { title: 'Value', show: ([, value]) => <code>{value}</code> },
        ]}
      />
      <SignatureHelp of={of} />
      <h3>Body</h3>
      <p class="actions">
        <span class="quiet">
          {bytes.toLocaleString()} bytes{isCut ? ', of which the beginning is shown' : ''}. Indented here.
        </span>
        <Copy text={body} label="Copy as it is sent" />
      </p>
      <Json value={body} label="Body of the request" />
    </>
  );
}

const quoted = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** Headers that curl makes itself. */
const ownHeaders = new Set(['content-length', 'host', 'connection']);

function curlOf({ url, headers, body }: Request): string {
  const given = Object.entries(headers).filter(([name]) => !ownHeaders.has(name.toLowerCase()));
  return [
    `curl -X POST ${quoted(url)}`,
    ...given.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    `--data-raw ${quoted(body)}`,
  ].join(' \\\n  ');
}
