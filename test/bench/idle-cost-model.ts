import type { AlwaysOn } from './always-on.ts';
import { awsPrices, idleAssumptions } from './aws-prices.ts';
import { type CostLine, gbSeconds } from './cost-model.ts';

/** The usage of one run of dispatch when nothing is due. */
export interface IdleRun {
  readonly dynamodbRequests: number;
  readonly gbSeconds: number;
  readonly logBytes: number;
  readonly customMetrics: number;
}

/** One line of the bill, in USD per month. */
export interface IdleLine extends CostLine {
  /** The quantity and its unit. */
  readonly of: string;
}

const million = 1_000_000;
const bytesPerGb = 1_000_000_000;

/** The monthly cost of a stack without traffic, line by line. */
export function idleCostPerMonth(stack: AlwaysOn, dispatch: IdleRun): readonly IdleLine[] {
  const { secondsPerMonth, pollersPerQueue, emptyReceiveSeconds, readUnitsPerQuery, tablesRead, tableKeySeconds } =
    idleAssumptions;
  const runs = stack.scheduledPerMonth;
  const receives = (stack.queueSources * pollersPerQueue * secondsPerMonth) / emptyReceiveSeconds;
  const reads = runs * dispatch.dynamodbRequests * readUnitsPerQuery;
  const logBytes = runs * dispatch.logBytes;
  const decryptions = (tablesRead * secondsPerMonth) / tableKeySeconds;
  return [
    line(
      'CloudWatch, alarms',
      stack.alarmMetrics * awsPrices.alarmMetricPerMonth,
      `${stack.alarms} alarms on ${stack.alarmMetrics} metrics`,
    ),
    line('KMS, keys', stack.keys * awsPrices.kmsKeyPerMonth, `${stack.keys} keys`),
    line(
      'SQS, empty receives of Lambda',
      (receives / million) * awsPrices.sqsPerMillionRequests,
      `${stack.queueSources} queues, ${pollersPerQueue} pollers each, a receive of ${emptyReceiveSeconds} s: ${inWords(receives)} a month`,
    ),
    line(
      'CloudWatch, custom metrics',
      dispatch.customMetrics * awsPrices.customMetricPerMonth,
      `${dispatch.customMetrics} with a value in each minute`,
    ),
    line(
      'DynamoDB, reads of dispatch',
      (reads / million) * awsPrices.dynamodbPerMillionReadUnits,
      `${inWords(runs)} runs of ${dispatch.dynamodbRequests} queries that find nothing`,
    ),
    line(
      'KMS, requests',
      (decryptions / million) * awsPrices.kmsPerMillionRequests,
      `keys of ${tablesRead} tables, each ${tableKeySeconds / 60} minutes: ${inWords(decryptions)} a month`,
    ),
    line(
      'Lambda, GB-seconds of dispatch',
      runs * dispatch.gbSeconds * awsPrices.lambdaPerGbSecond,
      `${inWords(runs)} runs of ${dispatch.gbSeconds.toFixed(3)} GB-seconds`,
    ),
    line(
      'Lambda, requests of dispatch',
      (runs / million) * awsPrices.lambdaPerMillionRequests,
      `schedules: ${stack.schedules}`,
    ),
    line(
      'CloudWatch Logs',
      (logBytes / bytesPerGb) * (awsPrices.logsPerGb + awsPrices.storedLogsPerGbMonth),
      `${stack.logGroups} log groups; ${Math.round(dispatch.logBytes)} bytes from each run of dispatch`,
    ),
    line(
      'EventBridge, schedules',
      (runs / million) * awsPrices.scheduledRulePerMillionEvents,
      'a rule of the default bus, not EventBridge Scheduler',
    ),
    line('CloudWatch, dashboards', stack.dashboards * awsPrices.dashboardPerMonth, `${stack.dashboards} dashboards`),
    line(
      'DynamoDB, storage and recovery to any second',
      0,
      `${stack.tables} tables on demand, paid for by the byte: nothing while they are empty`,
    ),
    line('S3, storage', 0, `${stack.buckets} buckets, the same`),
    line('SQS, queues', 0, `${stack.queues} queues, dead-letter queues among them: requests alone are paid for`),
    line('API Gateway', 0, `${stack.httpApis} HTTP API: requests alone are paid for`),
  ];
}

/** Costs beyond these lines: optional ones, and later ones. */
export function idleExtras(stack: AlwaysOn): readonly IdleLine[] {
  const { secondsPerMonth } = idleAssumptions;
  return [
    line(
      'KMS, keys from their third year on',
      stack.rotatedKeys * awsPrices.kmsPaidRotations * awsPrices.kmsKeyPerMonth,
      `${stack.rotatedKeys} keys with yearly rotation, of which ${awsPrices.kmsPaidRotations} are paid for; half of it in the second year`,
    ),
    line(
      'Lambda, a reader that waits at the feed around the clock',
      gbSeconds(secondsPerMonth * 1_000, stack.apiMemoryMb) * awsPrices.lambdaPerGbSecond,
      `an invocation of api (${stack.apiMemoryMb} MB) is held all the time`,
    ),
  ];
}

function line(name: string, usd: number, of: string): IdleLine {
  return { name, usd, of };
}

function inWords(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
