import type { CallFault, GatedCall, JudgeCall } from '../../lib/local/faults/call-gate.ts';

/** What can happen to a call; DESIGN.md, "What must always hold", is to hold whichever it is. */
export const faultKinds = [
  /** Fails before its effect, as often as the client tries it. */
  'failed',
  /** Has its effect; its answer is lost, and so is every further try of the client: the code sees an error. */
  'answer-lost',
  /** Has its effect; its answer is lost, and the client's next try finds the effect. */
  'answer-lost-once',
  /** Is throttled three times. */
  'throttled',
  /** Has its effect, and the function is killed before it has the answer. */
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
  // What becomes of the poller's own calls is AWS's; that a message comes again is what functions see of it.
  if (call.startsWith('poller.')) return ['failed'];
  // Whoever calls the engine sees an answer or none; it is the engine's function that is killed otherwise.
  if (call.startsWith('provider.') || call.startsWith('caller.')) return ['answer-lost'];
  // Nobody tries a callback again before the engine does.
  if (call.startsWith('callback.')) return ['failed', 'answer-lost', 'throttled', 'killed'];
  return faultKinds;
}

const throttledTries = 3;

/**
 * Names the calls of a run, and makes one of them fail.
 *
 * A call's name is who makes it, the operation, what it is made on, and the how-manieth of that name it is in
 * the run. So a name means the same in each run of a scenario, whatever other functions do at the time.
 */
export interface CallInjector {
  /** Names of the calls so far. */
  readonly calls: readonly string[];
  /** How often the planned fault has struck: once for each try of the client. */
  readonly strikes: () => number;
  /** What becomes of a request to AWS. */
  readonly judge: JudgeCall;
  /** What becomes of a request that is no call to AWS, by its name without the number. */
  readonly strike: (base: string) => FaultKind | undefined;
  /** Stop counting, and failing. */
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
      // A callback that is throttled is so each time that it is tried: the next ones of its name are its tries.
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
