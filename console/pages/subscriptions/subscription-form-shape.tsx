import { useList } from '../../queries.ts';
import { CheckField, ChoiceField, faultsAt, TextField } from '../../ui/field.tsx';
import { address } from '../../ui/links.tsx';
import { ListField } from '../../ui/list-field.tsx';
import { ShapingFields } from './shaping-fields.tsx';
import type { Draft } from './subscription-draft.ts';
import { Advanced, type PartProps } from './subscription-form-part.tsx';

/** What is sent of an event. */
export function ShapePart({ draft, set, problem, stored }: PartProps) {
  return (
    <Advanced title="Filter and body" members={['filter', 'fields', 'transform', 'envelope']} problem={problem}>
      {stored === undefined ? null : (
        <p>
          <a href={address('/playground', { subscription: stored.id })}>Try changes on an event in the playground</a>
        </p>
      )}
      <ShapingFields draft={draft} set={set} problem={problem} />
    </Advanced>
  );
}

const previousChoices = {
  none: 'Send the new values only',
  all: 'Add the former values of all changed fields',
  some: 'Add the former values of these fields',
} as const;

/** What few subscriptions need. */
export function ExtrasPart(props: PartProps) {
  const { draft, set, problem } = props;
  const schemas = useList('GET /v1/schemas', { query: { limit: 200 } });
  const versions = (schemas.data ?? []).flatMap(({ resource, majors }) =>
    majors.map((major) => `${resource}@${major}`),
  );
  return (
    <Advanced
      title="Schema versions, former values and encryption"
      members={['schema_versions', 'include_previous', 'encrypt']}
      problem={problem}
    >
      <ListField
        label="Schema versions"
        path="schema_versions"
        value={draft.schemaVersions}
        onChange={(schemaVersions) => set({ schemaVersions })}
        known={versions}
        placeholder="hris/employees@1"
        hint="Major versions that the receiver expects. Empty: each event has the version in which it was stored."
        problem={problem}
      />
      <ChoiceField
        label="Former values"
        value={draft.previousBy}
        onChange={(by) => set({ previousBy: by as Draft['previousBy'] })}
        choices={previousChoices}
        faults={draft.previousBy === 'some' ? [] : faultsAt(problem, 'include_previous')}
      />
      {draft.previousBy === 'some' ? (
        <ListField
          label="Fields with former values"
          path="include_previous"
          lines={3}
          value={draft.previousPaths}
          onChange={(previousPaths) => set({ previousPaths })}
          hint="One path a line, below data."
          problem={problem}
        />
      ) : null}
      <EncryptFields {...props} />
    </Advanced>
  );
}

function EncryptFields({ draft, set, problem }: PartProps) {
  return (
    <fieldset>
      <legend>Encryption</legend>
      <ListField
        label="Encrypted fields"
        path="encrypt.fields"
        lines={3}
        value={draft.encryptPaths}
        onChange={(encryptPaths) => set({ encryptPaths })}
        hint="One path a line, below data. The value of each is replaced by a JWE. Empty: nothing is encrypted."
        problem={problem}
      />
      <TextField
        label="Public key of the receiver"
        lines={3}
        value={draft.encryptKey}
        onChange={(encryptKey) => set({ encryptKey })}
        placeholder={'{"kty":"OKP","crv":"X25519","x":"…"}'}
        hint="A JWK: RSA, EC, or OKP with X25519. Keep the private key at the receiver."
        faults={faultsAt(problem, 'encrypt.jwk')}
      />
    </fieldset>
  );
}

/** Several events in one request. */
export function BatchFields({ draft, set, problem }: PartProps) {
  return (
    <fieldset>
      <legend>Batches</legend>
      <CheckField
        label="Send several events in one request"
        isChecked={draft.isBatched}
        onChange={(isBatched) => set({ isBatched })}
        hint="Every request then has the form of a batch, also one with a single event."
      />
      {draft.isBatched ? (
        <div class="columns">
          <TextField
            label="Most events in a request"
            value={draft.batchEvents}
            onChange={(batchEvents) => set({ batchEvents })}
            faults={faultsAt(problem, 'batch.max_events')}
          />
          <TextField
            label="Longest wait for more, in seconds"
            value={draft.batchWait}
            onChange={(batchWait) => set({ batchWait })}
            faults={faultsAt(problem, 'batch.max_wait_seconds')}
          />
        </div>
      ) : null}
      <BatchFaults problem={problem} />
    </fieldset>
  );
}

/** Faults of the batch as a whole, such as that ordering excludes it. */
function BatchFaults({ problem }: Pick<PartProps, 'problem'>) {
  const faults = (problem?.faults ?? []).filter(({ path }) => path === 'batch');
  if (faults.length === 0) return null;
  return (
    <ul class="faults">
      {faults.map(({ message }) => (
        <li key={message}>{message}</li>
      ))}
    </ul>
  );
}
