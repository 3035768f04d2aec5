import { ChoiceField, faultsAt, TextField } from '../../ui/field.tsx';
import { RolePolicies } from './role-policies.tsx';
import type { Draft } from './subscription-draft.ts';
import type { PartProps } from './subscription-form-part.tsx';

const choices: Readonly<Record<Draft['sendsTo'], string>> = {
  http: 'An HTTP endpoint',
  sqs: 'A queue in your AWS account (SQS)',
  eventbridge: 'An event bus in your AWS account (EventBridge)',
  kinesis: 'A stream in your AWS account (Kinesis)',
};

const addresses = {
  sqs: {
    label: 'URL of the queue',
    member: 'destination.queue_url',
    placeholder: 'https://sqs.eu-west-1.amazonaws.com/222222222222/events',
  },
  eventbridge: {
    label: 'ARN of the event bus',
    member: 'destination.bus_arn',
    placeholder: 'arn:aws:events:eu-west-1:222222222222:event-bus/events',
  },
  kinesis: {
    label: 'ARN of the stream',
    member: 'destination.stream_arn',
    placeholder: 'arn:aws:kinesis:eu-west-1:222222222222:stream/events',
  },
} as const;

/** Paths whose faults stand beside these fields. */
export const destinationMembers: readonly string[] = [
  'url',
  ...Object.values(addresses).map(({ member }) => member),
  'destination.role_arn',
  'destination.source',
];

function AwsFields({ draft, set, problem }: PartProps & { readonly draft: Draft }) {
  const { sendsTo } = draft;
  if (sendsTo === 'http') return null;
  const { label, member, placeholder } = addresses[sendsTo];
  return (
    <>
      <TextField
        label={label}
        isRequired
        value={draft.awsAddress}
        onChange={(awsAddress) => set({ awsAddress })}
        placeholder={placeholder}
        faults={faultsAt(problem, member)}
      />
      <TextField
        label="ARN of the role"
        isRequired
        value={draft.roleArn}
        onChange={(roleArn) => set({ roleArn })}
        placeholder="arn:aws:iam::222222222222:role/tributary-events"
        hint="A role of the same account that Tributary assumes. Its name begins with “tributary-”. It may be created after the subscription."
        faults={faultsAt(problem, 'destination.role_arn')}
      />
      {sendsTo === 'eventbridge' ? (
        <TextField
          label="Source"
          value={draft.eventSource}
          onChange={(eventSource) => set({ eventSource })}
          placeholder="tributary"
          hint="The source of the events, for your rules. Empty: tributary."
          faults={faultsAt(problem, 'destination.source')}
        />
      ) : null}
    </>
  );
}

/** Where events are sent. */
export function DestinationFields(props: PartProps) {
  const { draft, set, problem, stored } = props;
  return (
    <>
      <ChoiceField
        label="Send events to"
        value={draft.sendsTo}
        onChange={(sendsTo) => set({ sendsTo: sendsTo as Draft['sendsTo'] })}
        choices={choices}
      />
      {draft.sendsTo === 'http' ? (
        <TextField
          label="Address"
          type="url"
          isRequired
          value={draft.url}
          onChange={(url) => set({ url })}
          placeholder="https://app.example.com/hooks"
          hint="Events are sent there by POST. It must be public, and use https."
          faults={faultsAt(problem, 'url')}
        />
      ) : (
        <AwsFields {...props} />
      )}
      {stored === undefined || stored.destination.type !== draft.sendsTo ? null : (
        <RolePolicies of={stored.destination} />
      )}
    </>
  );
}
