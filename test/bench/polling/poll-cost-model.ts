import { assumptions, awsPrices, unitBytes } from '../aws-prices.ts';
import { type CostLine, costPerMillion, gbSeconds, noUsage, type Usage } from '../cost-model.ts';
import type { PollRequests } from '../stages/poll-way.ts';

/** What a poll did beside its requests. */
export interface PollWork {
  /** Records whose states were read and compared. */
  readonly compared: number;
  /** Records that were published, each with the write units of its state, its event, and the row that finds it. */
  readonly published: number;
  readonly unitsPerPublished: number;
  /** Calls of the provider, one after the other. */
  readonly providerCalls: number;
  /** CPU besides that of requests, in milliseconds of a whole core. */
  readonly cpuMs: number;
}

/** Keys of a row of the syncs table change with its time: the old one leaves the index, and the new one enters it. */
const indexUnits = 2;

/** The requests of a poll without those that dispatch makes anyway, when nothing is due. */
export function withoutIdle(requests: PollRequests, idle: PollRequests): PollRequests {
  const rest = Object.entries(requests.counts).map(
    ([name, count]) => [name, count - (idle.counts[name] ?? 0)] as const,
  );
  return { ...requests, counts: Object.fromEntries(rest.filter(([, count]) => count > 0)) };
}

export function requestCount({ counts }: PollRequests): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** AWS usage of a poll. Rows of syncs, cursors, runs and budgets are smaller than a unit, and so is what is read. */
export function pollUsage({ counts, ofPoll, invocations }: PollRequests, work: PollWork): Usage {
  const count = (is: RegExp) =>
    Object.entries(counts).reduce((sum, [name, times]) => sum + (is.test(name) ? times : 0), 0);
  const reads = count(/^dynamodb:(GetItem|Query|BatchGetItem)/) - count(/^dynamodb:BatchGetItem .*records/);
  return {
    ...noUsage,
    lambdaRequests: invocations,
    lambdaGbSeconds: gbSeconds(runMs(ofPoll, work), assumptions.memoryMb.poll),
    sqsRequests: count(/^sqs:/),
    readUnits: reads + work.compared,
    writeUnits:
      count(/^dynamodb:PutItem syncs/) * (1 + indexUnits) +
      count(/^dynamodb:(BatchWriteItem syncs|PutItem limits|UpdateItem)/) +
      work.published * work.unitsPerPublished,
    s3Puts: count(/^s3:Put/),
    s3Gets: count(/^s3:Get/),
  };
}

/** The cost of a million units with the same usage each. @param units - Runs, or records. */
export function pollCostPerMillion(requests: PollRequests, work: PollWork, units: number): readonly CostLine[] {
  const decrypts = requests.counts['kms:Decrypt'] ?? 0;
  return [
    ...costPerMillion(pollUsage(requests, work), units),
    { name: 'KMS', usd: (decrypts / units) * awsPrices.kmsPerMillionRequests },
  ];
}

/** Duration of the invocations, as if each request and each call waited for the one before it. */
function runMs(requests: number, { providerCalls, cpuMs }: PollWork): number {
  const { memoryMb, memoryMbPerCore, providerMs, dynamodbRoundTripMs, requestCpuMs } = assumptions;
  const cpu = cpuMs + requests * requestCpuMs;
  return (
    cpu / Math.min(1, memoryMb.poll / memoryMbPerCore) + requests * dynamodbRoundTripMs + providerCalls * providerMs
  );
}

/** Whether rows fit into one unit, as `pollUsage` takes for granted. */
export function fitsUnit(bytes: readonly number[]): boolean {
  return bytes.every((size) => size <= unitBytes.dynamodbWrite);
}
