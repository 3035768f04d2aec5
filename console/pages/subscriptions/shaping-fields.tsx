import type { ApiProblem } from '../../engine-client.ts';
import { ChoiceField, faultsAt, TextField } from '../../ui/field.tsx';
import { entryFaults } from '../../ui/list-field.tsx';
import { linesOf, type ShapingDraft } from './shaping.ts';

interface ShapingFieldsProps {
  readonly draft: ShapingDraft;
  readonly set: (change: Partial<ShapingDraft>) => void;
  readonly problem: ApiProblem | undefined;
}

const fieldsChoices = {
  all: 'Send all fields',
  include: 'Send only these fields',
  drop: 'Leave these fields out',
} as const;

/** Filter, fields, transform and envelope, in the order in which they apply. */
export function ShapingFields({ draft, set, problem }: ShapingFieldsProps) {
  return (
    <>
      <TextField
        label="Filter"
        lines={3}
        value={draft.filter}
        onChange={(filter) => set({ filter })}
        placeholder={'data.status = "active" and type != "record:deleted"'}
        hint="A JSONata condition over the event. Events for which it is not true are not sent. Empty: all are."
        faults={faultsAt(problem, 'filter')}
      />
      <ChoiceField
        label="Fields"
        value={draft.fieldsBy}
        onChange={(by) => set({ fieldsBy: by as ShapingDraft['fieldsBy'] })}
        choices={fieldsChoices}
        faults={draft.fieldsBy === 'all' ? faultsAt(problem, 'fields') : []}
      />
      {draft.fieldsBy === 'all' ? null : (
        <TextField
          label="Paths of the fields"
          lines={3}
          value={draft.fieldPaths}
          onChange={(fieldPaths) => set({ fieldPaths })}
          placeholder={'data.personal_email\ndata.address.city'}
          hint="One path a line, below data."
          faults={entryFaults(problem, `fields.${draft.fieldsBy}`, linesOf(draft.fieldPaths))}
        />
      )}
      <TextField
        label="Transform"
        lines={4}
        value={draft.transform}
        onChange={(transform) => set({ transform })}
        placeholder={'{ "text": data.name & " was updated" }'}
        hint="JSONata over what remains of the event. Its result is the body. Empty: the event is the body."
        faults={faultsAt(problem, 'transform')}
      />
      <ChoiceField
        label="Envelope"
        value={draft.envelope}
        onChange={(envelope) => set({ envelope })}
        choices={{ tributary: 'Tributary event', cloudevents: 'CloudEvents 1.0' }}
        faults={faultsAt(problem, 'envelope')}
      />
    </>
  );
}
