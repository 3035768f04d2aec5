import type { ApiProblem } from '../engine-client.ts';
import type { Asked } from '../queries.ts';

/** What happened, and what to do. */
function adviceFor({ status, message, retryAfterMs }: ApiProblem, isRetrying: boolean): string {
  const again = isRetrying ? ' It is tried again by itself.' : ' Try again.';
  switch (true) {
    case status === 0:
      return `${message}${again}`;
    case status === 401:
      return 'You are no longer signed in. Sign in to go on; what you have typed stays.';
    case status === 403:
      return `${message} Ask who gave you access for more, or sign in with another key.`;
    case status === 429:
      return `Too many calls were made. ${retryAfterMs === undefined ? '' : `The API takes more in ${Math.ceil(retryAfterMs / 1000)} s.`}${again}`;
    case status >= 500:
      return `The API failed (${status}). ${message}${again}`;
    default:
      return message;
  }
}

interface ProblemProps {
  readonly problem: ApiProblem | undefined;
  readonly isRetrying?: boolean;
  readonly onRetry?: (() => void) | undefined;
}

/** A problem that a call has, for people. Faults of single fields stand beside their fields. */
export function Problem({ problem, isRetrying = false, onRetry }: ProblemProps) {
  if (problem === undefined) return null;
  const others = problem.faults.filter(({ path }) => path === '');
  return (
    <div class="note note-bad" role="alert">
      <p>{adviceFor(problem, isRetrying)}</p>
      {others.map(({ message }) => (
        <p key={message}>{message}</p>
      ))}
      {problem.requestId === undefined ? null : <p class="quiet">Request {problem.requestId}</p>}
      {onRetry === undefined || isRetrying ? null : (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** The problem of what a page shows, and whether it loads. Shows nothing where the answer is there and fresh. */
export function Standing({ of, what }: { readonly of: Asked<unknown>; readonly what: string }) {
  if (of.problem !== undefined) return <Problem problem={of.problem} isRetrying={of.isRetrying} onRetry={of.refetch} />;
  if (of.data === undefined)
    return (
      <p class="loading" role="status">
        Loading {what}…
      </p>
    );
  return null;
}
