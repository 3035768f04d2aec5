import type { Logger } from '@aws-lambda-powertools/logger';
import type { DispatchNote } from '../../contracts/outcomes.ts';
import { type DispatchPorts, dispatchDue } from '../../flows/deliver/dispatch-due.ts';
import { type RestartPorts, restartSilent } from '../../flows/deliver/restart-silent.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';

export interface DispatchRuntime {
  readonly ports: DispatchPorts & RestartPorts;
  readonly log: Logger;
  readonly outcomes: OutcomeCounter<DispatchNote>;
}

/** Start what is due. Whatever comes too late for one run is the next minute's, so a failed run is not repeated. */
export function createDispatchHandler({ ports, log, outcomes }: DispatchRuntime) {
  return async (): Promise<void> => {
    // Neither fails with the other.
    const [dispatched, restarted] = await Promise.allSettled([dispatchDue(ports), restartSilent(ports)]);
    if (restarted.status === 'fulfilled' && restarted.value.length > 0) {
      outcomes.count('silent-work-restarted', restarted.value.length);
      log.warn('silent work restarted', { work: restarted.value });
    }
    if (dispatched.status === 'rejected') throw dispatched.reason;
    const { attempts, endpoints, failures } = dispatched.value;
    // A minute in which nothing is due, as most are, is not worth a line, nor a metric that is paid for all month.
    if (attempts > 0) outcomes.count('attempts-dispatched', attempts);
    if (endpoints > 0) outcomes.count('drains-requested', endpoints);
    if (attempts + endpoints > 0) log.info('due work dispatched', { attempts, endpoints });
    if (restarted.status === 'rejected') throw restarted.reason;
    // Last, so that what was done is counted; the alarm on errors tells of the shards that were not done.
    if (failures.length > 0) throw new AggregateError(failures, 'some shards were not dispatched');
  };
}
