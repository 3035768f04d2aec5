import { forgetFailures } from '../../../engine/delivery/settlement.ts';
import { attemptNow } from '../../subscriptions/manage-delivery.ts';
import { changeEndpoint } from '../change-endpoint.ts';
import type { Run } from './drain-run.ts';

/** The newest deliveries that are searched for one that the endpoint has not accepted. */
const probeCandidates = 100;

/**
 * Make sure that an endpoint gets one more post before its subscription is disabled: a waiting delivery, or else the
 * newest one that the endpoint has not accepted.
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
