import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import { declaredJob } from '../../../../lambdas/engine/sync/sync-job.ts';
import type { FaultName } from '../../../local/simulators/provider/faults/named-faults.ts';
import type { Missed } from './find-missed.ts';
import { type History, type HistoryOptions, playHistory } from './play-history.ts';

/** Something that was missed, with the history in which it was. */
export interface MissedInHistory extends Missed {
  readonly seed: number;
  readonly faults: readonly FaultName[];
  /** Whether the comparison of all records told it, but no poll before. */
  readonly isToldByComparison: boolean;
}

/** What the histories of one sync have shown of a resource. */
export interface ConvergedResource {
  readonly sync: string;
  readonly resource: string;
  readonly missed: readonly MissedInHistory[];
  /** Of the provider, over all histories. */
  readonly calls: number;
  /** False where the simulator shows its records only within those of another resource. */
  readonly isJudged: boolean;
}

export interface ConvergedSync {
  readonly sync: string;
  readonly resources: readonly ConvergedResource[];
  /** Histories whose sync never became quiet, and why. */
  readonly failures: readonly {
    readonly seed: number;
    readonly faults: readonly FaultName[];
    readonly reason: string;
  }[];
}

/** Play histories of every sync of a definition. */
export async function convergeDefinition(
  options: Omit<HistoryOptions, 'sync' | 'seed'>,
  firstSeed: number,
  histories: number,
): Promise<readonly ConvergedSync[]> {
  const converged: ConvergedSync[] = [];
  for (const sync of Object.keys(options.definition.syncs ?? {})) {
    const played: History[] = [];
    for (let seed = firstSeed; seed < firstSeed + histories; seed += 1)
      played.push(await playHistory({ ...options, sync, seed }));
    converged.push(sumUp(options.definition, sync, played));
  }
  return converged;
}

function sumUp(definition: Definition, sync: string, played: readonly History[]): ConvergedSync {
  const resources = [...new Set(declaredJob(definition, sync)?.resources.map(({ resource }) => resource))];
  return {
    sync,
    resources: resources.map((resource) => ({
      sync,
      resource,
      missed: played.flatMap((history) => missedIn(history, resource)),
      calls: played.reduce(
        (sum, { calls }) => sum + (calls[definition.resources?.[resource]?.from ?? resource] ?? 0),
        0,
      ),
      isJudged: played.every(({ unjudged }) => !unjudged.includes(resource)),
    })),
    failures: played.flatMap(({ seed, faults, failure }) =>
      failure === undefined ? [] : [{ seed, faults, reason: failure }],
    ),
  };
}

/** What was never told, and what only the comparison of all records told. */
function missedIn({ seed, faults, byPolls, missed }: History, resource: string): readonly MissedInHistory[] {
  const nameOf = ({ record, what }: Missed) => `${what} ${record}`;
  const never = new Set(missed.map(nameOf));
  return [
    ...missed.map((one) => ({ ...one, seed, faults, isToldByComparison: false })),
    ...byPolls
      .filter((one) => !never.has(nameOf(one)))
      .map((one) => ({ ...one, seed, faults, isToldByComparison: true })),
  ].filter((one) => one.resource === resource);
}
