import type { ComponentChildren } from 'preact';
import type { ApiProblem } from '../../engine-client.ts';
import { faultsAt } from '../../ui/field.tsx';
import type { Draft, Subscription } from './subscription-draft.ts';

/** What each part of the form gets. */
export interface PartProps {
  readonly draft: Draft;
  readonly set: (change: Partial<Draft>) => void;
  readonly problem: ApiProblem | undefined;
  /** Undefined while it is being created. */
  readonly stored: Subscription | undefined;
}

interface AdvancedProps {
  readonly title: string;
  /** Members of the body whose fields are within. */
  readonly members: readonly string[];
  readonly problem: ApiProblem | undefined;
  readonly children: ComponentChildren;
}

/** Fields that most do without. They open when one of them has a fault. */
export function Advanced({ title, members, problem, children }: AdvancedProps) {
  const isFaulty = members.some((member) => faultsAt(problem, member).length > 0);
  return (
    <details class="section advanced" open={isFaulty}>
      <summary>
        <h2>{title}</h2>
      </summary>
      <div class="form">{children}</div>
    </details>
  );
}
