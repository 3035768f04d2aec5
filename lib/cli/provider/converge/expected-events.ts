import { callOf } from '../../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import type { SyncStep } from '../../../../lambdas/engine/provider/language/sync-schema.ts';
import type { FaultName } from '../../../local/simulators/provider/faults/named-faults.ts';
import { holdsRecords } from '../../../local/simulators/provider/records/record-store.ts';
import type { Expected } from './find-missed.ts';

/** Polls tell of each change where a feed of changes does, or where each run lists everything. */
export function toldByPolls(definition: Definition, { resource, depends_on: parent }: SyncStep): Expected {
  const changes = callOf(definition, resource, 'changes');
  const tellsChanges = changes === undefined || changes.spec.cursor?.kind !== 'id';
  return { states: parent === undefined && tellsChanges ? 'last' : undefined, ends: false };
}

/** In the end, everything is told that the provider shows in any way. */
export function toldInTheEnd(definition: Definition, step: SyncStep, faults: readonly FaultName[]): Expected {
  const { resource, depends_on: parent } = step;
  const list = callOf(definition, resource, 'list');
  // Rows that are made of a record and of what is around it: the simulator does not write changes into them.
  const isMade = parent !== undefined && list !== undefined && !holdsRecords(list.spec);
  return {
    states: list === undefined ? toldByPolls(definition, step).states : isMade ? 'first' : 'last',
    ends: parent === undefined && (list?.spec.complete === true || tellsEnds(definition, resource, faults)),
  };
}

/** Whether a feed tells of what was deleted. One that may begin anew tells nothing of before. */
function tellsEnds(definition: Definition, resource: string, faults: readonly FaultName[]): boolean {
  if (callOf(definition, resource, 'deletions') !== undefined) return true;
  const said = definition.resources?.[resource];
  const declaring = said?.from === undefined ? said : definition.resources?.[said.from];
  const changes = callOf(definition, resource, 'changes');
  if (declaring?.deleted === undefined || changes === undefined) return false;
  return changes.spec.cursor?.kind !== 'token' || !faults.includes('expiring-tokens');
}
