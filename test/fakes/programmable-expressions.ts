import {
  type ArgumentOf,
  createPrograms,
  type ProgramName,
  type ResultOf,
} from '../../lambdas/engine/programs/programs.ts';
import type { ExpressionRun, Expressions } from '../../lambdas/ports/runtime/expressions.ts';

export interface ProgrammableExpressions extends Expressions {
  /** Texts of expressions whose evaluation is stopped. */
  readonly stopped: Set<string>;
  /** Owners whose expressions are suspended. */
  readonly suspended: Set<string>;
  /** All runs, in order. */
  readonly runs: { readonly program: ProgramName; readonly owner: string }[];
}

/** Evaluates in this process; input and output pass through JSON, as between processes. */
export function createProgrammableExpressions(): ProgrammableExpressions {
  const programs = createPrograms();
  const stopped = new Set<string>();
  const suspended = new Set<string>();
  const runs: { readonly program: ProgramName; readonly owner: string }[] = [];
  return {
    stopped,
    suspended,
    runs,
    async run<Name extends ProgramName>(
      program: Name,
      argument: ArgumentOf<Name>,
      owner: string,
    ): Promise<ExpressionRun<ResultOf<Name>>> {
      if (suspended.has(owner)) return { kind: 'died', by: 'suspended', reason: 'one was stopped a moment ago' };
      runs.push({ program, owner });
      if (Object.values(argument).some((value) => typeof value === 'string' && stopped.has(value)))
        return { kind: 'died', by: 'time', reason: 'it was stopped after 1 s of computing' };
      const carryOut = programs[program] as (argument: unknown) => Promise<unknown>;
      const result = await carryOut(JSON.parse(JSON.stringify(argument)));
      return { kind: 'ended', result: JSON.parse(JSON.stringify(result)) as ResultOf<Name> };
    },
  };
}
