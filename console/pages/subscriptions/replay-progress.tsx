import { useEffect, useState } from 'preact/hooks';
import { type Answer, call } from '../../engine-client.ts';
import { forget, useAction, useAnswer } from '../../queries.ts';
import { maySee } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { Confirm } from '../../ui/dialog.tsx';
import { Standing } from '../../ui/problem.tsx';

export type Replay = Answer<'GET /v1/subscriptions/{id}/replays/{replay}'>;

/** How far a replay has come: its place among the numbers of its window. */
function shareOf({ state, position, after_sequence: from, up_to_sequence: to }: Replay): number {
  if (state === 'done' || to <= from) return 1;
  return Math.min(1, Math.max(0, (position - from) / (to - from)));
}

export function ReplayBar({ of }: { readonly of: Replay }) {
  const share = shareOf(of);
  return (
    <div class="replay-bar">
      <progress max={1} value={share} aria-label={`Progress of replay ${of.id}`} />
      <span class="quiet">
        {Math.floor(share * 100)} %, {of.replayed.toLocaleString()} sent of {of.scanned.toLocaleString()} read
      </span>
    </div>
  );
}

/** Stops a running replay. */
export function CancelReplay({ of: { id, subscription_id: subscription } }: { readonly of: Replay }) {
  const [isAsked, ask] = useState(false);
  const cancel = useAction(async (idempotencyKey) => {
    const params = { id: subscription, replay: id };
    await call('POST /v1/subscriptions/{id}/replays/{replay}/cancel', { params, body: {}, idempotencyKey });
    ask(false);
    await forget('GET /v1/subscriptions/{id}/replays', 'GET /v1/subscriptions/{id}/replays/{replay}');
  });
  if (!maySee('subscriptions:write')) return null;
  return (
    <>
      <button type="button" class="small danger" onClick={() => ask(true)}>
        Cancel…
      </button>
      {isAsked ? (
        <Confirm
          title="Cancel this replay"
          verb="Cancel the replay"
          isDangerous
          isRunning={cancel.isRunning}
          problem={cancel.problem}
          onConfirm={() => void cancel.run()}
          onClose={() => ask(false)}
        >
          <p>No more events are taken into it. Those that it has queued are still sent.</p>
        </Confirm>
      ) : null}
    </>
  );
}

const everyMs = 2_000;

/** Follows a replay until it ends. */
export function ReplayProgress({ subscription, id }: { readonly subscription: string; readonly id: string }) {
  const [hasEnded, setEnded] = useState(false);
  const replay = useAnswer(
    'GET /v1/subscriptions/{id}/replays/{replay}',
    { params: { id: subscription, replay: id } },
    { everyMs: hasEnded ? undefined : everyMs },
  );
  const { data } = replay;
  useEffect(() => {
    if (data === undefined || data.state === 'running') return;
    setEnded(true);
    void forget('GET /v1/subscriptions/{id}/replays', 'GET /v1/deliveries', 'GET /v1/delivery-errors');
  }, [data?.state]);
  if (data === undefined) return <Standing of={replay} what="the replay" />;
  return (
    <div class="note" role="status">
      <p>
        <Badge of={data.state} tone={data.state === 'done' ? 'good' : data.state === 'running' ? 'busy' : 'quiet'} />{' '}
        {words[data.state](data)}
      </p>
      <ReplayBar of={data} />
      {data.state === 'running' ? <CancelReplay of={data} /> : null}
    </div>
  );
}

const words: Readonly<Record<Replay['state'], (replay: Replay) => string>> = {
  running: ({ id }) => `Replay ${id} is running. It goes on when you leave this page.`,
  done: ({ id, replayed }) => `Replay ${id} has queued ${replayed.toLocaleString()} events. They are being sent.`,
  cancelled: ({ id, cancelled_by: by }) =>
    by === 'delivery-pull'
      ? `Replay ${id} was cancelled, because the tenant now gets its events from the feed only.`
      : `Replay ${id} was cancelled.`,
};
