import { type FaultKind, faultKinds, kindsOf, type PlannedFault } from './call-injector.ts';
import type { FaultEngine } from './fault-engine.ts';
import { createFaultRun } from './fault-run.ts';
import { violations } from './invariants.ts';
import { countedOutcomes, outcomesSince } from './outcome-sums.ts';
import { scenarios } from './scenarios.ts';

/** One run, by its printed name: `webhook/normalize.BatchExecuteStatement.idempotency.1/killed`. */
export type RunName = string;

export interface RunResult {
  readonly name: RunName;
  /** Names of the counted calls, in order. */
  readonly calls: readonly string[];
  /** Whether the call that should fail was made. */
  readonly isStruck: boolean;
  readonly violations: readonly string[];
  readonly durationMs: number;
}

export function runNamesOf(scenario: string, calls: readonly string[]): readonly RunName[] {
  // Dispatch sends the same query to each of its shards, so a fault in the first query stands for all.
  const isOfShards = (call: string) => /^dispatch\.Query\..*\.(?!1$)\d+$/.test(call);
  const isAlike = (call: string) => {
    const [, name = '', number] = /^(.*)\.(\d+)$/.exec(call) ?? [];
    return isOfShards(call) || scenarios[scenario]?.isAlike?.(name, Number(number)) === true;
  };
  return calls
    .filter((call) => !isAlike(call))
    .flatMap((call) => kindsOf(call).map((kind) => `${scenario}/${call}/${kind}`));
}

/** @throws {Error} for a malformed name, an unknown scenario or an unknown fault. */
export function parseRunName(name: RunName): { readonly scenario: string; readonly fault: PlannedFault | undefined } {
  const [scenario = '', call, kind] = name.split('/');
  if (scenarios[scenario] === undefined)
    throw new Error(`unknown scenario ${scenario}; expected one of ${Object.keys(scenarios).join(', ')}`);
  if (call === undefined) return { scenario, fault: undefined };
  if (!faultKinds.includes(kind as FaultKind))
    throw new Error(`unknown fault ${kind ?? ''}; expected one of ${faultKinds.join(', ')}`);
  return { scenario, fault: { call, kind: kind as FaultKind } };
}

/** Functions run in parallel and in no fixed order, so some calls are made only in some runs. */
const triesToStrike = 3;

/** Play a scenario with the fault of the name, again until the call that should fail is made. */
export async function playRun(fault: FaultEngine, name: RunName): Promise<RunResult> {
  for (let tries = 1; ; tries += 1) {
    const result = await playOnce(fault, name);
    if (result.isStruck || result.violations.length > 0 || tries === triesToStrike) return result;
  }
}

/** Play a scenario once with the fault of the name, and check the invariants. */
async function playOnce(fault: FaultEngine, name: RunName): Promise<RunResult> {
  const { scenario, fault: planned } = parseRunName(name);
  const {
    play,
    countsDispatch,
    sendsAgain = false,
    askedAgain = {},
  } = scenarios[scenario] as (typeof scenarios)[string];
  const startedMs = performance.now();
  const before = countedOutcomes(fault);
  const run = await createFaultRun(fault, { planned, countsDispatch });
  let found: readonly string[];
  try {
    await play(run);
    const depth = await run.settle();
    run.faultsEnd();
    found = await violations(fault, {
      run,
      depth,
      outcomes: outcomesSince(before, countedOutcomes(fault)),
      hasFault: planned !== undefined,
      sendsAgain,
      askedAgain,
    });
    if (found.length === 0) await run.deleteSyncs();
  } catch (error) {
    found = [(error as Error).message];
  }
  const { injector } = fault;
  fault.injector = undefined;
  if (found.length > 0) {
    await fault.untilIdle().catch(() => undefined);
    await fault.reset();
  }
  return {
    name,
    calls: injector?.calls ?? [],
    isStruck: planned === undefined || (injector?.strikes() ?? 0) > 0,
    violations: found,
    durationMs: performance.now() - startedMs,
  };
}
