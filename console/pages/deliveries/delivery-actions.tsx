import { useState } from 'preact/hooks';
import { type Answer, call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { maySee } from '../../session.ts';
import { Confirm } from '../../ui/dialog.tsx';
import { Problem } from '../../ui/problem.tsx';
import { isPending } from './delivery-words.ts';

type Delivery = Answer<'GET /v1/deliveries/{id}'>;

/** Deliveries are asked anew wherever they show. */
async function forgetDeliveries(): Promise<void> {
  await forget(
    'GET /v1/deliveries/{id}',
    'GET /v1/deliveries',
    'GET /v1/delivery-errors',
    'GET /v1/events/{id}/deliveries',
  );
}

function useDeliveryActions({ id, event_id: event, subscription_id: subscription }: Delivery) {
  const retry = useAction(async (idempotencyKey) => {
    await call('POST /v1/deliveries/{id}/retry', { params: { id }, body: {}, idempotencyKey });
    await forgetDeliveries();
    return 'The next attempt is queued. It appears below.';
  });
  const cancel = useAction(async (idempotencyKey) => {
    await call('POST /v1/deliveries/{id}/cancel', { params: { id }, body: {}, idempotencyKey });
    await forgetDeliveries();
    return 'The delivery is cancelled: it is not tried again.';
  });
  const redeliver = useAction(async (idempotencyKey) => {
    await call('POST /v1/events/{id}/redeliver', { params: { id: event }, body: { subscription }, idempotencyKey });
    await forgetDeliveries();
    return 'The event is queued to be sent again. The attempt appears below.';
  });
  return { retry, cancel, redeliver };
}

function CancelText() {
  return (
    <>
      <p>The event is not sent to this subscription any more. Attempts that were made stay in the list.</p>
      <p>To send it after all, retry the delivery later, for as long as the event is kept.</p>
    </>
  );
}

function RedeliverText() {
  return (
    <>
      <p>
        The endpoint has accepted this event before, and gets it once more, with the same <code>webhook-id</code> and
        the header <code>tributary-replay: true</code>.
      </p>
      <p>A receiver that keeps to the id does nothing twice. Others may.</p>
    </>
  );
}

/** What can be done with a delivery in its state. */
export function DeliveryActions({ of }: { readonly of: Delivery }) {
  const { retry, cancel, redeliver } = useDeliveryActions(of);
  const [asked, ask] = useState<'cancel' | 'redeliver'>();
  const [said, say] = useState<string>();
  const run = async (action: typeof retry) => {
    say(undefined);
    const done = await action.run();
    if (done === undefined) return;
    say(done);
    ask(undefined);
  };
  const close = () => {
    cancel.clear();
    redeliver.clear();
    ask(undefined);
  };
  if (!maySee('subscriptions:write'))
    return <p class="quiet">To retry or cancel the delivery, you need the permission subscriptions:write.</p>;
  return (
    <div class="stack">
      <div class="actions">
        {of.state === 'delivered' ? null : (
          <button type="button" class="primary" disabled={retry.isRunning} onClick={() => void run(retry)}>
            {retry.isRunning ? 'Working…' : 'Retry now'}
          </button>
        )}
        {isPending(of.state) ? (
          <button type="button" class="danger" onClick={() => ask('cancel')}>
            Cancel the delivery…
          </button>
        ) : null}
        {of.state === 'delivered' ? (
          <button type="button" onClick={() => ask('redeliver')}>
            Redeliver…
          </button>
        ) : null}
      </div>
      <Problem problem={retry.problem} />
      <p role="status">{said}</p>
      {asked === undefined ? null : (
        <Confirm
          title={asked === 'cancel' ? 'Cancel this delivery' : 'Send the event again'}
          verb={asked === 'cancel' ? 'Cancel the delivery' : 'Redeliver'}
          isDangerous={asked === 'cancel'}
          isRunning={cancel.isRunning || redeliver.isRunning}
          problem={asked === 'cancel' ? cancel.problem : redeliver.problem}
          onConfirm={() => void run(asked === 'cancel' ? cancel : redeliver)}
          onClose={close}
        >
          {asked === 'cancel' ? <CancelText /> : <RedeliverText />}
        </Confirm>
      )}
    </div>
  );
}
