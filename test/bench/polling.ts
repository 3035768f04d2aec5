import { budgets } from './budgets.ts';
import { quantile } from './load/quantile.ts';
import { countChanged, countQuietRuns, type Fetched, type QuietRuns } from './polling/counted-polls.ts';
import { detectionLatencies } from './polling/detection-latency.ts';
import { pollingCost } from './polling/polling-cost.ts';
import { type Figure, figure, type Section, withinBudget } from './section.ts';

const records = 50_000;
const changedRecords = 12;
const changes = 2_000;
const changesPerMinute = 10;

/** What polling costs a provider and the owner of the engine, and how late it is. */
export const polling: Section = {
  key: 'polling',
  name: 'Polling',
  about: [
    'A quiet run asks a provider that has changed nothing since the run before. Its AWS requests are those that dispatch, poll and their queue make for it, at the deployed bundles; the queries that dispatch makes each minute in any case are part of a stack without traffic.',
    'The latency is that of a sync that runs every minute, by a virtual clock: from the change at the provider to the answer of the subscriber. It includes the wait for the next run, and assumed times of the provider, of AWS and of the subscriber; it does not include functions that start cold.',
    'The cost is that of a sync of one resource, at list prices: DynamoDB, S3, SQS, Lambda and KMS. A million records are polled in runs of twenty pages. The delivery of their events costs what that of any event does.',
  ],
  async run() {
    const quiet = await countQuietRuns();
    const changed = await countChanged(records, changedRecords);
    const latencies = await detectionLatencies(changes, changesPerMinute);
    const cpu = { quietRunMs: quiet.cpuMs, perRecordMs: changed.complete.cpuMs / records };
    return [
      ...quietFigures(quiet),
      ...changedFigures(changed),
      ...latencyFigures(latencies),
      ...(await pollingCost(cpu)),
    ];
  },
};

/** Figures of runs that find nothing; all of them are of one resource. */
export function quietFigures({ runs, calls, recordWrites, events }: QuietRuns): readonly Figure[] {
  return [
    withinBudget(
      figure('a quiet run: calls for each resource', calls / runs, 'calls', 'cursors by time, by token and by id'),
      budgets.callsWhenNothingChanged,
    ),
    figure('a quiet run: writes of records', recordWrites / runs, 'writes'),
    figure('a quiet run: events', events / runs, 'events'),
  ];
}

export function changedFigures({
  complete,
  incremental,
}: {
  readonly complete: Fetched;
  readonly incremental: Fetched;
}): readonly Figure[] {
  const title = `${incremental.events} changed of ${complete.events.toLocaleString('en-US')} records`;
  const note = 'pages of 100; the last row of a page begins the next one';
  return [
    figure(`${title}: calls`, incremental.calls, 'calls'),
    figure(`${title}: records fetched`, incremental.rows, 'records', 'the last one of the run before is among them'),
    figure(`${title}: calls of a complete fetch`, complete.calls, 'calls', note),
    figure(`${title}: records of a complete fetch`, complete.rows, 'records'),
    figure(`${title}: calls saved`, complete.calls / incremental.calls, 'times'),
    figure(`${title}: records saved`, complete.rows / incremental.rows, 'times'),
  ];
}

/** @param latencies - In ascending order, in milliseconds. */
export function latencyFigures(latencies: readonly number[]): readonly Figure[] {
  const note = `${latencies.length.toLocaleString('en-US')} changes, ${changesPerMinute} a minute on average`;
  return [
    figure('a change until its callback is accepted: p50', quantile(latencies, 0.5) / 1_000, 's', note),
    figure('a change until its callback is accepted: p99', quantile(latencies, 0.99) / 1_000, 's'),
  ];
}
