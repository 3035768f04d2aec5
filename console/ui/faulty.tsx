import type { ApiProblem } from '../engine-client.ts';
import { Note } from './note.tsx';
import { Problem } from './problem.tsx';

interface FaultyProps {
  readonly problem: ApiProblem | undefined;
  readonly isRetrying?: boolean;
  /** What the fields are, such as "fields" or "filters". @default fields */
  readonly what?: string;
}

/** Whether a problem is about single fields, beside which it is explained. */
export function isFaulty(problem: ApiProblem | undefined): boolean {
  return problem !== undefined && problem.faults.some(({ path }) => path !== '');
}

/** A problem of a form, whose single faults stand beside its fields. */
export function Faulty({ problem, isRetrying = false, what = 'fields' }: FaultyProps) {
  if (!isFaulty(problem)) return <Problem problem={problem} isRetrying={isRetrying} />;
  return (
    <div role="alert">
      <Note tone="bad">Some {what} need another value. What is wrong stands beside them.</Note>
    </div>
  );
}
