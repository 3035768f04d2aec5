import type { Rank } from '../../../engine/records/rank.ts';
import type { ListedRecord } from '../../../ports/events/record-states.ts';

/** What the engine knows of a record, as the API shows it. */
export function recordStateView(account: string, { resource, recordId, state }: Omit<ListedRecord, 'next'>) {
  const last = state.changes.at(-1);
  return {
    account,
    resource,
    record_id: recordId,
    rank: rankText(state),
    last_version: state.version ?? state.lastVersion ?? null,
    sequence: last?.sequence ?? null,
    event: last?.event ?? null,
    deleted: state.isDeleted,
    seen_at: new Date(state.seenAtMs).toISOString(),
    origin: last?.origin ?? null,
    changes: state.changes.toReversed().map(({ event, sequence, type, origin }) => ({ event, sequence, type, origin })),
    drops: state.drops.toReversed().map((drop) => ({
      outcome: drop.outcome,
      origin: drop.origin,
      rank: rankText(drop),
      seen_at: new Date(drop.seenAtMs).toISOString(),
    })),
  };
}

function rankText({ version, atMs }: Rank): string {
  return version ?? new Date(atMs).toISOString();
}
