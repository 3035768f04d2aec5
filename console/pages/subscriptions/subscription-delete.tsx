import { useState } from 'preact/hooks';
import { ApiProblem, call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { Confirm } from '../../ui/dialog.tsx';
import { Section } from '../../ui/page.tsx';
import type { TabProps } from './subscription-tab.ts';

const usualPauseMs = 1_000;
/** Calls that may fail in between, such as while the network is away. */
const mostFailures = 5;

/**
 * Delete a subscription. One with many waiting deliveries takes several calls: each cancels some of them, and asks for
 * the next by a 503 with `Retry-After`.
 *
 * @param onCall - Gets the number of calls that were not the last.
 */
async function deleteWholly(id: string, onCall: (count: number) => void): Promise<void> {
  let failures = 0;
  for (let count = 1; ; count += 1) {
    try {
      await call('DELETE /v1/subscriptions/{id}', { params: { id } });
      return;
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      // The call before deleted it, and its answer was lost.
      if (error.status === 404 && count > 1) return;
      const isUnfinished = error.status === 503 && error.retryAfterMs !== undefined;
      failures = isUnfinished ? 0 : failures + 1;
      if (!error.isPassing || failures >= mostFailures) throw error;
      onCall(count);
      await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? usualPauseMs));
    }
  }
}

/** Deletes the subscription, after a question. */
export function DeleteTab({ subscription: { id, url }, onDeleted }: TabProps) {
  const [isAsked, ask] = useState(false);
  const [calls, setCalls] = useState(0);
  const remove = useAction(async () => {
    await deleteWholly(id, setCalls);
    onDeleted();
    await forget('GET /v1/subscriptions', 'GET /v1/deliveries', 'GET /v1/delivery-errors');
  });
  return (
    <Section title="Delete">
      <p>
        Nothing more is sent to {url}. Waiting deliveries are cancelled. Events stay stored, and so do past deliveries,
        but no one sees them here any more. To stop for a while only, disable the subscription under Health.
      </p>
      <div>
        <button type="button" class="danger" onClick={() => ask(true)}>
          Delete the subscription…
        </button>
      </div>
      {isAsked ? (
        <Confirm
          title={`Delete ${id}`}
          verb="Delete"
          isDangerous
          isRunning={remove.isRunning}
          problem={remove.problem}
          onConfirm={() => void remove.run()}
          onClose={() => ask(false)}
        >
          <p>This cannot be undone. The receiver misses all later events, and the secret is gone.</p>
          {calls > 0 ? (
            <p role="status">
              It is disabled already. Many deliveries wait, and are being cancelled: call {calls + 1}. Leave this page
              open until it is done.
            </p>
          ) : null}
        </Confirm>
      ) : null}
    </Section>
  );
}
