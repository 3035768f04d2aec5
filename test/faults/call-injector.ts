import type { CallFault, JudgeCall } from '../../lib/local/faults/call-gate.ts';
import type { GatedCall } from '../../lib/local/faults/gated-call.ts';

/** The faults of a call. DESIGN.md, "What must always hold", must hold for each of them. */
export const faultKinds = [
  /** Fails before its effect, on every try of the client. */
  'failed',
  /** Has its effect, but its answer is lost, and every retry of the client fails: the code sees an error. */
  'answer-lost',
  /** Has its effect, but its answer is lost; the client's retry finds the effect. */
  'answer-lost-once',
  /** Is throttled three times. */
  'throttled',
  /** Has its effect, and the function is killed before it gets the answer. */
  'killed',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** Which call fails, and how. */
export interface PlannedFault {
  readonly call: string;
  readonly kind: FaultKind;
}

/** The ways in which a call can fail, by its name: `normalize.PutItem.events.1`. */
export function kindsOf(call: string): readonly FaultKind[] {
  // AWS handles the other faults of its poller; functions only see that a message is delivered again.
  if (call.startsWith('poller.')) return ['failed'];
  // A caller of the engine can only lose its answer. Killing applies to the engine's functions.
  if (call.startsWith('provider.') || call.startsWith('caller.')) return ['answer-lost'];
  // No client retries a callback, only the engine does.
  if (call.startsWith('callback.')) return ['failed', 'answer-lost', 'throttled', 'killed'];
  return faultKinds;
}

const throttledTries = 3;

/**
 * Names the calls of a run, and makes one of them fail.
 *
 * A call's name holds its caller, its operation, its resource, and its number among the calls of that name in the run.
 * So a name means the same in each run of a scenario, however functions interleave.
 */
export interface CallInjector {
  /** Names of the calls so far. */
  readonly calls: readonly string[];
  /** How often the planned fault was applied: once per try of the client. */
  readonly strikes: () => number;
  /** Decides the fault of a request to AWS. */
  readonly judge: JudgeCall;
  /** Decides the fault of other requests, by the call's name without its number. */
  readonly strike: (base: string) => FaultKind | undefined;
  /** Stop counting and failing calls. */
  readonly end: () => void;
}

/**
 * @param nameOf - Short name of a table, bucket or queue.
 * @param isCounted - Whether the calls of a function belong to the scenario.
 */
export function createCallInjector(
  nameOf: (resource: string) => string,
  isCounted: (call: GatedCall) => boolean,
  fault?: PlannedFault,
): CallInjector {
  const calls: string[] = [];
  const counts = new Map<string, number>();
  const nameByInvocation = new Map<string, string>();
  let strikes = 0;
  let ended = false;

  const count = (base: string): string => {
    const number = (counts.get(base) ?? 0) + 1;
    counts.set(base, number);
    const name = `${base}.${number}`;
    calls.push(name);
    return name;
  };

  const toFault = (kind: FaultKind): CallFault | undefined => {
    strikes += 1;
    switch (kind) {
      case 'failed':
        return { kind: 'refused' };
      case 'answer-lost':
        return { kind: strikes === 1 ? 'answer-lost' : 'refused' };
      case 'answer-lost-once':
        return strikes === 1 ? { kind: 'answer-lost' } : undefined;
      case 'throttled':
        return strikes <= throttledTries ? { kind: 'throttled' } : undefined;
      case 'killed':
        return strikes === 1 ? { kind: 'killed' } : undefined;
    }
  };

  return {
    calls,
    strikes: () => strikes,
    judge(call) {
      if (ended || !isCounted(call)) return undefined;
      const { caller, operation, resource, invocationId } = call;
      let name = nameByInvocation.get(invocationId);
      if (name === undefined) {
        name = count([caller, operation, ...(resource === '' ? [] : [nameOf(resource)])].join('.'));
        nameByInvocation.set(invocationId, name);
      }
      return name === fault?.call ? toFault(fault.kind) : undefined;
    },
    strike(base) {
      if (ended) return undefined;
      const name = count(base);
      if (fault === undefined) return undefined;
      // A throttled callback is throttled on each try: the next calls of its name are retries.
      const isNextTry =
        fault.kind === 'throttled' && strikes > 0 && strikes < throttledTries && fault.call.startsWith(`${base}.`);
      if (name !== fault.call && !isNextTry) return undefined;
      strikes += 1;
      return fault.kind;
    },
    end() {
      ended = true;
    },
  };
}
