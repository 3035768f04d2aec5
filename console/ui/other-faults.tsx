import { useEffect, useRef } from 'preact/hooks';
import { ApiProblem } from '../engine-client.ts';
import { focusFault } from './focus-fault.ts';
import { Problem } from './problem.tsx';

interface OtherFaultsProps {
  readonly problem: ApiProblem | undefined;
  /** Paths whose faults stand beside their fields. */
  readonly beside: readonly string[];
}

/** Faults that no field of the form shows, so that none is lost. */
export function OtherFaults({ problem, beside }: OtherFaultsProps) {
  const others = (problem?.faults ?? []).filter(
    ({ path }) => path !== '' && !beside.some((shown) => path === shown || path.startsWith(`${shown}.`)),
  );
  if (others.length === 0) return null;
  return (
    <ul class="faults" role="alert">
      {others.map(({ path, message }) => (
        <li key={`${path} ${message}`}>
          <code>{path}</code>: {message}
        </li>
      ))}
    </ul>
  );
}

/** The problem of a form. Where fields have faults, the first of them gets the focus. */
export function FormProblem({ problem, beside }: OtherFaultsProps) {
  const place = useRef<HTMLDivElement>(null);
  const hasFaults = problem !== undefined && problem.faults.some(({ path }) => path !== '');
  useEffect(() => {
    if (!hasFaults) return;
    focusFault(place.current?.closest('form'));
  }, [problem]);
  const shown =
    hasFaults && problem.status === 422
      ? new ApiProblem(422, 'Some values do not fit. What is wrong stands beside them.', {
          faults: problem.faults,
          requestId: problem.requestId,
        })
      : problem;
  return (
    <div ref={place} class="form-problem">
      <Problem problem={shown} />
      <OtherFaults problem={problem} beside={beside} />
    </div>
  );
}
