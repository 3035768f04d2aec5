import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { href } from '../../session.ts';
import { Confirm } from '../../ui/dialog.tsx';
import { Problem } from '../../ui/problem.tsx';
import type { SyncActionProps } from './sync-action.ts';
import { forgetSync } from './sync-change.ts';
import { ResetSync } from './sync-reset.tsx';
import { RunSync } from './sync-run.tsx';

function PauseOrResume({ account, sync, onDone }: SyncActionProps) {
  const isPaused = sync.status === 'paused';
  const change = useAction(async (idempotencyKey) => {
    const input = { params: { id: account, sync: sync.id }, body: {}, idempotencyKey };
    if (isPaused) await call('POST /v1/accounts/{id}/syncs/{sync}/resume', input);
    else await call('POST /v1/accounts/{id}/syncs/{sync}/pause', input);
    onDone(
      isPaused
        ? 'The sync has been resumed. Its next run begins at once.'
        : 'The sync has been paused. A run that goes on stops at its next page, and continues there later.',
    );
    await forgetSync();
  });
  return (
    <>
      <button type="button" onClick={() => void change.run()} disabled={change.isRunning}>
        {isPaused ? 'Resume' : 'Pause'}
      </button>
      <Problem problem={change.problem} />
    </>
  );
}

interface RemoveProps extends Omit<SyncActionProps, 'onDone'> {
  readonly onClose: () => void;
}

function Remove({ account, sync: { id: sync }, onClose }: RemoveProps) {
  const { route } = useLocation();
  const remove = useAction(async () => {
    await call('DELETE /v1/accounts/{id}/syncs/{sync}', { params: { id: account, sync } });
    route(href(`/accounts/${encodeURIComponent(account)}?tab=syncs`));
    // Only lists: until the next page is there, this one would ask for a sync that is gone.
    await forget('GET /v1/accounts/{id}/syncs', 'GET /v1/syncs');
  });
  return (
    <Confirm
      title={`Remove the sync ${sync}`}
      verb="Remove"
      isDangerous
      isRunning={remove.isRunning}
      problem={remove.problem}
      onConfirm={() => void remove.run()}
      onClose={onClose}
    >
      <p>
        The provider is no longer polled for it, and its cursors are removed. Its runs stay for 30 days, and the records
        that it found stay known. To undo it, post the sync again: it begins with a run of everything.
      </p>
    </Confirm>
  );
}

/** What one may do with a sync. */
export function SyncActions(props: SyncActionProps) {
  const [open, setOpen] = useState<'run' | 'reset' | 'remove'>();
  const { sync } = props;
  const close = () => setOpen(undefined);
  const isPaused = sync.status === 'paused';
  return (
    <div class="actions">
      <button
        type="button"
        class="primary"
        onClick={() => setOpen('run')}
        disabled={isPaused}
        title={isPaused ? 'The sync is paused: resume it first.' : undefined}
      >
        Run now
      </button>
      <PauseOrResume {...props} />
      <button type="button" class="danger" onClick={() => setOpen('reset')}>
        Reset
      </button>
      {sync.declared ? null : (
        <button type="button" class="danger" onClick={() => setOpen('remove')}>
          Remove
        </button>
      )}
      {open === 'run' ? <RunSync {...props} onClose={close} /> : null}
      {open === 'reset' ? <ResetSync {...props} onClose={close} /> : null}
      {open === 'remove' ? <Remove {...props} onClose={close} /> : null}
    </div>
  );
}
