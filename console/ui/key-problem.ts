import { useMemo } from 'preact/hooks';
import { ApiProblem } from '../engine-client.ts';

/** A 401 for a key that was typed is a fault of its field, and not about the session. */
function ofField(problem: ApiProblem | undefined): ApiProblem | undefined {
  if (problem?.status !== 401) return problem;
  const message = 'The key is not valid, or it has expired.';
  return new ApiProblem(422, message, { faults: [{ path: 'key', message }] });
}

/** The problem of a call with a typed key; its fault has the path `key`. */
export function useKeyProblem(problem: ApiProblem | undefined): ApiProblem | undefined {
  return useMemo(() => ofField(problem), [problem]);
}
