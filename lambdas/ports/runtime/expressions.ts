import type { ArgumentOf, ProgramName, ResultOf } from '../../engine/programs/programs.ts';

export type ExpressionRun<Result> =
  | { readonly kind: 'ended'; readonly result: Result }
  /**
   * The evaluation was stopped from outside: it took too much time or memory. Or it was not begun (`suspended`): those of
   * the same owner did a moment ago. The reason quotes neither the expression nor its input.
   */
  | { readonly kind: 'died'; readonly by: 'time' | 'memory' | 'suspended'; readonly reason: string };

/**
 * Evaluates JSONata that strangers wrote, or that runs over what strangers sent, apart from everything else: whatever
 * an expression does, this function goes on, and so do the expressions of others (invariant 12).
 */
export interface Expressions {
  /**
   * @param owner - Whose expression it is. Owners take turns; what one does counts against it alone.
   * @throws {expressions-unavailable} retryable, when nothing can be evaluated at present.
   */
  run<Name extends ProgramName>(
    program: Name,
    argument: ArgumentOf<Name>,
    owner: string,
  ): Promise<ExpressionRun<ResultOf<Name>>>;
}
