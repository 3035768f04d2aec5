import { Badge } from '../../ui/badge.tsx';

interface OutcomeProps {
  readonly status: number | null;
  readonly error: string | null;
}

function toneOf(status: number) {
  if (status < 300) return 'good';
  return status === 429 || status === 503 ? 'warn' : 'bad';
}

/** How a call of an endpoint ended: its status, or why there was no answer. */
export function Outcome({ status, error }: OutcomeProps) {
  return (
    <span class="outcome">
      {status === null ? <Badge of="no answer" tone="bad" /> : <Badge of={String(status)} tone={toneOf(status)} />}
      {error === null ? null : <span>{error}</span>}
    </span>
  );
}
