import type { ArgumentOf, ProgramName, ResultOf } from '../../engine/programs/programs.ts';

export type ExpressionRun<Result> =
  | { readonly kind: 'ended'; readonly result: Result }
  /**
   * The evaluation was stopped because it took too much time or memory, or it did not start (`suspended`) because the
   * owner's expressions did so a moment ago. The reason quotes neither the expression nor its input.
   */
  | { readonly kind: 'died'; readonly by: 'time' | 'memory' | 'suspended'; readonly reason: string };

/**
 * Evaluates untrusted JSONata, or JSONata on untrusted input, in isolation: whatever an expression does, this function
 * and the expressions of other owners keep running (invariant 12).
 */
export interface Expressions {
  /**
   * @param owner - Owner of the expression. Owners take turns, and each owner's usage counts against that owner only.
   * @throws {expressions-unavailable} retryable, when no evaluation is possible at present.
   */
  run<Name extends ProgramName>(
    program: Name,
    argument: ArgumentOf<Name>,
    owner: string,
  ): Promise<ExpressionRun<ResultOf<Name>>>;
}
