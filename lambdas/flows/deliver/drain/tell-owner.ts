import { notice } from '../../../engine/delivery/settlement.ts';
import { reportEndpoint } from '../../publish/publish-operational-events.ts';
import { changeEndpoint } from '../change-endpoint.ts';
import { policyOf } from '../lease-endpoint.ts';
import type { Run } from './drain-run.ts';
import { prepareLastProbe } from './last-probe.ts';

/** Notify the owner of an endpoint that keeps failing, even when nothing is sent now. */
export async function tellOwner(run: Run): Promise<void> {
  const { ports, prepared } = run;
  const told = await changeEndpoint(ports, run.state, (current) => {
    const { state, effects } = notice(current, policyOf(ports, prepared), ports.clock.nowMs());
    return effects.length === 0 ? { result: effects } : { state, result: effects };
  });
  run.state = told.state;
  if (told.result.some(({ kind }) => kind === 'last-probe')) await prepareLastProbe(run);
  await reportEndpoint(ports, prepared.subscription, told.result);
}
