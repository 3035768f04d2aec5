import type { RecordPlan } from '../provider/answer/answer-plan.ts';
import { evaluate } from '../provider/answer/evaluate.ts';
import { readRecord } from '../provider/answer/read-answer.ts';

/** How the records that webhooks carry are read: as the API's, after `adapt`. */
export interface CarriedRecordPlan extends RecordPlan {
  /** JSONata from the webhook's record to the API's. */
  readonly adapt?: string | undefined;
}

/** By resource. */
export type CarriedRecordPlans = Readonly<Record<string, CarriedRecordPlan>>;

type Item = Readonly<Record<string, unknown>>;

/** An item of a mapping, with what its record says in the place of the record. */
export type FilledItem =
  | { readonly kind: 'item'; readonly item: unknown; readonly isAbsent?: true }
  | { readonly kind: 'fault'; readonly fault: string };

/**
 * Read the record that an event of a webhook carries with the mapping of its resource, so that the event has the data
 * that a read of the record has. What the item says itself goes before what the record says.
 */
export async function fillFromRecord(
  item: unknown,
  plans: CarriedRecordPlans,
  context: Readonly<Record<string, unknown>>,
  timeoutMs?: number,
): Promise<FilledItem> {
  if (typeof item !== 'object' || item === null || (item as Item)['record'] === undefined)
    return { kind: 'item', item };
  const { record, ...rest } = item as Item;
  const resource = String(rest['resource']);
  const plan = Object.hasOwn(plans, resource) ? plans[resource] : undefined;
  if (plan === undefined) return { kind: 'fault', fault: `record: ${resource} has no \`map\` that could read it` };
  const bindings = { status: 0, headers: {}, context };
  const adapted = plan.adapt === undefined ? record : await evaluate(plan.adapt, record, bindings, timeoutMs);
  const read = await readRecord(plan, adapted, bindings, timeoutMs);
  if ('reason' in read) return { kind: 'fault', fault: `record: ${read.reason}` };
  const { id, version, updated, data, isAbsent } = read;
  return {
    kind: 'item',
    item: {
      record_id: id,
      ...(version === undefined ? {} : { version }),
      ...(updated === undefined ? {} : { occurred_at: updated }),
      ...rest,
      ...(isAbsent ? { event_type: 'deleted' } : {}),
      data,
    },
    ...(isAbsent ? { isAbsent } : {}),
  };
}
