import { call } from '../../engine-client.ts';
import { useAction } from '../../queries.ts';
import { TwoSteps } from '../../ui/two-steps.tsx';
import type { SyncActionProps } from './sync-action.ts';
import { forgetSync } from './sync-change.ts';

/** Forgets where a sync is, after two questions. */
export function ResetSync({ account, sync, onDone, onClose }: SyncActionProps & { readonly onClose: () => void }) {
  const reset = useAction(async (idempotencyKey) => {
    await call('POST /v1/accounts/{id}/syncs/{sync}/reset', {
      params: { id: account, sync: sync.id },
      body: { confirm: true },
      idempotencyKey,
    });
    onClose();
    onDone('The sync has been reset. Its next run reads everything.');
    await forgetSync();
  });
  return (
    <TwoSteps
      title={`Reset the sync ${sync.id}`}
      name={sync.id}
      verb="Reset"
      what={
        <>
          <p>This is forgotten:</p>
          <ul class="bullets">
            <li>where the next run of each resource would go on ({sync.resources.join(', ')});</li>
            <li>the run that goes on, and runs that wait: they are cancelled.</li>
          </ul>
          <p>
            The records that are known stay known, and so do the events. To read one stretch of time again, run a
            backfill instead: it forgets nothing.
          </p>
        </>
      }
      after={
        <>
          <p>This comes then:</p>
          <ul class="bullets">
            <li>
              A run that reads everything
              {sync.status === 'paused' ? ', once the sync is resumed' : ', at once'}. It costs as many calls of the
              provider as a first run.
            </li>
            <li>Events only of records that differ from what is known. Nobody gets the others again.</li>
          </ul>
          <p>A reset cannot be undone.</p>
        </>
      }
      isRunning={reset.isRunning}
      problem={reset.problem}
      onConfirm={() => void reset.run()}
      onClose={onClose}
    />
  );
}
