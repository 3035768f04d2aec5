import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import { declaredJob } from '../../../../lambdas/engine/sync/sync-job.ts';
import { compileProvider } from '../../../local/simulators/provider/compile-provider.ts';
import type { FaultName } from '../../../local/simulators/provider/faults/named-faults.ts';
import type { UnservedCall } from '../../../local/simulators/provider/served-call.ts';
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
  /** False where the simulator cannot show what a definition that is right would miss. */
  readonly isJudged: boolean;
  /** Why it is not judged. */
  readonly unjudged?: string;
}

export interface ConvergedSync {
  readonly sync: string;
  readonly resources: readonly ConvergedResource[];
  /** Histories that were played. */
  readonly histories: number;
  /** Histories whose sync never became quiet, and why. */
  readonly failures: readonly {
    readonly seed: number;
    readonly faults: readonly FaultName[];
    readonly reason: string;
  }[];
}

/** What a sync calls to poll, besides single records. */
const polled = ['list', 'changes', 'deletions'];

const withinOthers = 'the simulator shows its records within others';

/** Play histories of every sync of a definition. */
export async function convergeDefinition(
  options: Omit<HistoryOptions, 'sync' | 'seed'>,
  firstSeed: number,
  histories: number,
): Promise<readonly ConvergedSync[]> {
  const { definition, exchanges } = options;
  const converged: ConvergedSync[] = [];
  const { unserved } = await compileProvider(definition, exchanges);
  for (const sync of Object.keys(definition.syncs ?? {})) {
    const unjudged = unjudgedSync(definition, sync, unserved);
    if (unjudged !== undefined) {
      converged.push(unjudged);
      continue;
    }
    const played: History[] = [];
    for (let seed = firstSeed; seed < firstSeed + histories; seed += 1)
      played.push(await playHistory({ ...options, sync, seed }));
    converged.push(sumUp(definition, sync, played));
  }
  return converged;
}

/** A sync that makes calls that the simulator cannot answer; undefined where it makes none. */
function unjudgedSync(
  definition: Definition,
  sync: string,
  unserved: readonly UnservedCall[],
): ConvergedSync | undefined {
  const resources = resourcesOf(definition, sync);
  const lacking = unserved.filter(({ isBeyondSimulator }) => isBeyondSimulator);
  const reasons = resources.map((resource) => {
    const declaring = definition.resources?.[resource]?.from ?? resource;
    return lacking.find(({ name }) => polled.some((method) => name === `${declaring}.${method}`));
  });
  const other = reasons.find((reason) => reason !== undefined);
  if (other === undefined) return undefined;
  return {
    sync,
    resources: resources.map((resource, place) => {
      const { name, reason } = reasons[place] ?? other;
      const unjudged = `the simulator does not answer ${name}: ${reason}`;
      return { sync, resource, missed: [], calls: 0, isJudged: false, unjudged };
    }),
    histories: 0,
    failures: [],
  };
}

function resourcesOf(definition: Definition, sync: string): readonly string[] {
  return [...new Set(declaredJob(definition, sync)?.resources.map(({ resource }) => resource))];
}

function sumUp(definition: Definition, sync: string, played: readonly History[]): ConvergedSync {
  const isWithin = (resource: string) => played.some(({ unjudged }) => unjudged.includes(resource));
  return {
    sync,
    histories: played.length,
    resources: resourcesOf(definition, sync).map((resource) => ({
      sync,
      resource,
      missed: played.flatMap((history) => missedIn(history, resource)),
      calls: played.reduce(
        (sum, { calls }) => sum + (calls[definition.resources?.[resource]?.from ?? resource] ?? 0),
        0,
      ),
      isJudged: !isWithin(resource),
      ...(isWithin(resource) ? { unjudged: withinOthers } : {}),
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
