import { forgetFailures } from '../../../engine/delivery/settlement.ts';
import { attemptNow } from '../../subscriptions/manage-delivery.ts';
import { changeEndpoint } from '../change-endpoint.ts';
import type { Run } from './drain-run.ts';

/** Deliveries among which one is looked for that an endpoint has not taken. */
const probeCandidates = 100;

/**
 * See to it that something is posted to an endpoint before its subscription is disabled: what waits, or else the newest
 * of what it has not taken.
 */
export async function prepareLastProbe(run: Run): Promise<void> {
  const { ports, prepared } = run;
  const { subscription } = prepared;
  if ((await ports.deliveries.listBacklog(subscription.id, 1, undefined)).length > 0) return;
  const { items } = await ports.deliveries.list(subscription.id, probeCandidates, undefined);
  const untaken = items.find(
    ({ state, exhaustedBy }) => state === 'retrying' || (state === 'exhausted' && exhaustedBy !== 'event-expired'),
  );
  if (untaken !== undefined) await attemptNow(ports, subscription, untaken);
  else
    run.state = (
      await changeEndpoint(ports, run.state, (state) => ({ state: forgetFailures(state), result: 0 }))
    ).state;
}
