import type { Replay } from '../../../ports/delivery/replay-store.ts';

export function replayView(replay: Replay) {
  const { id, subscription, tenant, mode, state, ratePerSecond, scanned, replayed, createdAt, endedAt } = replay;
  const { afterSequence, upToSequence, position } = replay;
  return {
    id,
    subscription_id: subscription,
    tenant,
    mode,
    state,
    cancelled_by: cancelledBy(replay),
    rate_per_second: ratePerSecond,
    scanned,
    replayed,
    after_sequence: afterSequence,
    up_to_sequence: upToSequence,
    position,
    created_at: createdAt,
    ended_at: endedAt ?? null,
  };
}

function cancelledBy({ state, cancelledBy: engine }: Replay): 'caller' | 'delivery-pull' | null {
  return state === 'cancelled' ? (engine ?? 'caller') : null;
}
