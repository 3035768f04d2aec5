import type { Logger } from '@aws-lambda-powertools/logger';
import type { DispatchNote } from '../../contracts/outcomes.ts';
import { type DispatchPorts, dispatchDue } from '../../flows/deliver/dispatch-due.ts';
import { type RestartPorts, restartSilent } from '../../flows/deliver/restart-silent.ts';
import { type DispatchFetchesPorts, dispatchFetches } from '../../flows/enrich/dispatch-fetches.ts';
import { type DispatchSyncsPorts, dispatchSyncs } from '../../flows/sync/dispatch-syncs.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';

export interface DispatchRuntime {
  readonly ports: DispatchPorts & RestartPorts & DispatchFetchesPorts & DispatchSyncsPorts;
  readonly log: Logger;
  readonly outcomes: OutcomeCounter<DispatchNote>;
}

/** Start due work. The next minute's run picks up what this one misses, so a failed run is not retried. */
export function createDispatchHandler({ ports, log, outcomes }: DispatchRuntime) {
  return async (): Promise<void> => {
    // A failure of one must not stop the others.
    const [dispatched, restarted, fetched, synced] = await Promise.allSettled([
      dispatchDue(ports),
      restartSilent(ports),
      dispatchFetches(ports),
      dispatchSyncs(ports),
    ]);
    if (fetched.status === 'fulfilled' && fetched.value.started > 0)
      outcomes.count('fetches-requested', fetched.value.started);
    if (synced.status === 'fulfilled' && synced.value.started > 0)
      outcomes.count('syncs-dispatched', synced.value.started);
    if (restarted.status === 'fulfilled' && restarted.value.length > 0) {
      outcomes.count('silent-work-restarted', restarted.value.length);
      log.warn('silent work restarted', { work: restarted.value });
    }
    if (dispatched.status === 'rejected') throw dispatched.reason;
    const { attempts, endpoints, failures } = dispatched.value;
    // In most minutes nothing is due: skip the log line, and the metric, which costs money all month.
    if (attempts > 0) outcomes.count('attempts-dispatched', attempts);
    if (endpoints > 0) outcomes.count('drains-requested', endpoints);
    if (attempts + endpoints > 0) log.info('due work dispatched', { attempts, endpoints });
    if (restarted.status === 'rejected') throw restarted.reason;
    if (fetched.status === 'rejected') throw fetched.reason;
    if (synced.status === 'rejected') throw synced.reason;
    // Throw last, so that finished work is counted. The alarm on errors reports the failed shards.
    const all = [...failures, ...fetched.value.failures, ...synced.value.failures];
    if (all.length > 0) throw new AggregateError(all, 'some shards were not dispatched');
  };
}
