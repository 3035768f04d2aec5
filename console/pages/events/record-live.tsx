import { useState } from 'preact/hooks';
import { type Answer, type ApiProblem, call } from '../../engine-client.ts';
import { useAction } from '../../queries.ts';
import { maySee } from '../../session.ts';
import { Json } from '../../ui/copy.tsx';
import { TextField } from '../../ui/field.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Time } from '../../ui/time.tsx';
import type { FeedEvent } from './event-feed.ts';
import { RecordDifference } from './record-difference.tsx';
import type { RecordName } from './record-events.ts';

type LiveRecord = Answer<'GET /v1/accounts/{id}/records/{model}/{plural}/{record_id}'>;

interface RecordLiveProps {
  readonly name: RecordName;
  /** The last event that holds the record. */
  readonly last: FeedEvent | undefined;
}

/** Reads the record from its provider, and compares it with its last event. */
export function RecordLive({ name, last }: RecordLiveProps) {
  const [address, setAddress] = useState('');
  const read = useAction(async (_, given: string) => readLive(name, given));
  if (!maySee('records:read'))
    return <p class="quiet">Your access lacks “records:read”, which is needed to read from the provider.</p>;
  const { problem } = read;
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        void read.run(address);
      }}
    >
      <p class="quiet">One call of the provider, with the credentials of the account and within its limits.</p>
      {problem?.reason === 'account-incomplete' || address !== '' ? (
        <TextField
          label="Address"
          value={address}
          onChange={setAddress}
          lines={2}
          placeholder="repository=northwind/orders"
          hint="What the provider needs to find the record besides its id: one name=value on each line."
        />
      ) : null}
      <div class="actions">
        <button type="submit" disabled={read.isRunning}>
          {read.isRunning ? 'Reading…' : 'Read it from the provider now'}
        </button>
      </div>
      {problem?.status === 404 ? <Gone last={last} problem={problem} /> : <Problem problem={problem} />}
      {read.data === undefined ? null : <Comparison live={read.data} last={last} />}
    </form>
  );
}

async function readLive({ account, resource, recordId }: RecordName, address: string): Promise<LiveRecord> {
  const [model = '', plural = ''] = resource.split('/');
  const pairs = address.split('\n').flatMap((line) => {
    const at = line.indexOf('=');
    return at < 1 ? [] : [[`address[${line.slice(0, at).trim()}]`, line.slice(at + 1).trim()] as const];
  });
  return call('GET /v1/accounts/{id}/records/{model}/{plural}/{record_id}', {
    params: { id: account, model, plural, record_id: recordId },
    query: Object.fromEntries(pairs),
  });
}

function Gone({ last, problem }: { readonly last: FeedEvent | undefined; readonly problem: ApiProblem }) {
  const isKnown = last?.type === 'record:deleted';
  return (
    <div class={isKnown ? 'note note-good' : 'note note-warn'} role="status">
      <p>The provider has no such record: {problem.message}</p>
      <p>
        {isKnown
          ? 'The last event says the same.'
          : last === undefined
            ? 'There is no event to compare it with.'
            : 'The last event does not say so. The next comparison of all records, or a webhook, brings the deletion.'}
      </p>
    </div>
  );
}

function Comparison({ live, last }: { readonly live: LiveRecord; readonly last: FeedEvent | undefined }) {
  return (
    <div role="status">
      <h3>
        Read <Time at={live.fetched_at} as="absolute" />
      </h3>
      {last === undefined ? (
        <p>There is no event to compare it with.</p>
      ) : last.type === 'record:deleted' ? (
        <p>The last event says that the record is gone, but the provider has it.</p>
      ) : (
        <>
          <p class="quiet">
            From the last event (number {last.sequence}) to what the provider has now
            {last.schema_version === live.schema_version
              ? ''
              : `; their schema versions differ: ${last.schema_version} and ${live.schema_version}`}
            :
          </p>
          <RecordDifference before={last.data} after={live.data} />
        </>
      )}
      <details>
        <summary>The record at the provider</summary>
        <Json value={live.data} label="The record at the provider" />
      </details>
    </div>
  );
}
