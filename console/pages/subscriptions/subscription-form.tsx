import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Faulty } from '../../ui/faulty.tsx';
import { faultsAt, TextField } from '../../ui/field.tsx';
import { focusFault } from '../../ui/focus-fault.ts';
import { OtherFaults } from '../../ui/other-faults.tsx';
import { Section } from '../../ui/page.tsx';
import { PairsField } from '../../ui/pairs-field.tsx';
import { TenantField } from '../../ui/tenant-field.tsx';
import { AccessPart } from './subscription-form-access.tsx';
import { DestinationFields, destinationMembers } from './subscription-form-destination.tsx';
import { EventsPart } from './subscription-form-events.tsx';
import { Advanced, type PartProps } from './subscription-form-part.tsx';
import { SendingPart } from './subscription-form-sending.tsx';
import { ExtrasPart, ShapePart } from './subscription-form-shape.tsx';

function EndpointPart(props: PartProps) {
  const { draft, set, problem, stored } = props;
  return (
    <Section title="Endpoint">
      <DestinationFields {...props} />
      <div class="columns">
        <TextField
          label="Description"
          value={draft.description}
          onChange={(description) => set({ description })}
          hint="A name for people."
          faults={faultsAt(problem, 'description')}
        />
        {stored === undefined ? (
          <TextField
            label="Id"
            value={draft.id}
            onChange={(id) => set({ id })}
            placeholder="sub_…"
            hint="Empty: one is made up. It cannot be changed later."
            faults={faultsAt(problem, 'id')}
          />
        ) : null}
        {stored === undefined ? (
          <TenantField
            value={draft.tenant}
            onChange={(tenant) => set({ tenant })}
            hint="Whose events to send. Empty: the events of all tenants. It cannot be changed later."
            faults={faultsAt(problem, 'tenant')}
          />
        ) : null}
      </div>
    </Section>
  );
}

interface FormProps extends PartProps {
  /** What the button says. */
  readonly verb: string;
  readonly isRunning: boolean;
  readonly onSubmit: () => void;
  /** What has been done, or is to be known. */
  readonly children?: ComponentChildren;
}

const members: readonly string[] = `id tenant description metadata types resources integrations accounts
  filter fields transform envelope include_previous encrypt schema_versions batch
  ordering rate_per_second concurrency timeout_seconds retry disable_after_seconds
  signatures auth headers client_certificate`.split(/\s+/);

/** All options of a subscription, to create one or to change it. */
export function SubscriptionForm({ verb, isRunning, onSubmit, children, ...part }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  const { draft, set, problem } = part;
  useEffect(() => {
    if (problem !== undefined) focusFault(form.current);
  }, [problem]);
  return (
    <form
      ref={form}
      class="form"
      // The API checks, and its faults stand beside the fields.
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <EndpointPart {...part} />
      <EventsPart {...part} />
      <ShapePart {...part} />
      <ExtrasPart {...part} />
      <AccessPart {...part} />
      <SendingPart {...part} />
      <Advanced title="Metadata" members={['metadata']} problem={problem}>
        <PairsField
          label="Metadata"
          pairs={draft.metadata}
          onChange={(metadata) => set({ metadata })}
          hint="Your own names and values, by which the list can be filtered. At most 50."
          faults={faultsAt(problem, 'metadata')}
        />
      </Advanced>
      <Faulty problem={problem} />
      <OtherFaults problem={problem} beside={[...destinationMembers, ...members]} />
      {children}
      <div class="actions">
        <button type="submit" class="primary" disabled={isRunning}>
          {isRunning ? 'Working…' : verb}
        </button>
      </div>
    </form>
  );
}
