import { awsPrices, unitBytes } from './aws-prices.ts';

/** The AWS usage of a number of events. */
export interface Usage {
  readonly apiRequests: number;
  readonly lambdaRequests: number;
  readonly lambdaGbSeconds: number;
  readonly sqsRequests: number;
  /** Requests for messages with a `MessageGroupId`. */
  readonly fairQueueRequests: number;
  readonly readUnits: number;
  readonly writeUnits: number;
  readonly s3Puts: number;
  readonly s3Gets: number;
  readonly logBytes: number;
  /** Bytes in the log class Infrequent Access. */
  readonly infrequentLogBytes: number;
}

export const noUsage: Usage = {
  apiRequests: 0,
  lambdaRequests: 0,
  lambdaGbSeconds: 0,
  sqsRequests: 0,
  fairQueueRequests: 0,
  readUnits: 0,
  writeUnits: 0,
  s3Puts: 0,
  s3Gets: 0,
  logBytes: 0,
  infrequentLogBytes: 0,
};

export interface CostLine {
  readonly name: string;
  /** USD per million events. */
  readonly usd: number;
}

const million = 1_000_000;
const bytesPerGb = 1_000_000_000;

/** The cost of a million events with the same usage per event, by line. */
export function costPerMillion(usage: Usage, events: number): readonly CostLine[] {
  const perMillion = (used: number, usdPerMillion: number) => (used / events) * usdPerMillion;
  return [
    { name: 'API Gateway', usd: perMillion(usage.apiRequests, awsPrices.httpApiPerMillionRequests) },
    { name: 'Lambda, requests', usd: perMillion(usage.lambdaRequests, awsPrices.lambdaPerMillionRequests) },
    { name: 'Lambda, GB-seconds', usd: perMillion(usage.lambdaGbSeconds, awsPrices.lambdaPerGbSecond * million) },
    { name: 'SQS', usd: perMillion(usage.sqsRequests, awsPrices.sqsPerMillionRequests) },
    {
      name: 'SQS, fair-queue surcharge',
      usd: perMillion(usage.fairQueueRequests, awsPrices.sqsFairQueuePerMillionRequests),
    },
    { name: 'DynamoDB, writes', usd: perMillion(usage.writeUnits, awsPrices.dynamodbPerMillionWriteUnits) },
    { name: 'DynamoDB, reads', usd: perMillion(usage.readUnits, awsPrices.dynamodbPerMillionReadUnits) },
    {
      name: 'S3',
      usd: perMillion(usage.s3Puts, awsPrices.s3PerMillionPuts) + perMillion(usage.s3Gets, awsPrices.s3PerMillionGets),
    },
    {
      name: 'CloudWatch Logs',
      usd:
        perMillion(usage.logBytes, (awsPrices.logsPerGb * million) / bytesPerGb) +
        perMillion(usage.infrequentLogBytes, (awsPrices.infrequentLogsPerGb * million) / bytesPerGb),
    },
  ];
}

export function totalUsd(lines: readonly CostLine[]): number {
  return lines.reduce((sum, { usd }) => sum + usd, 0);
}

/** Write units of one row. */
export function writeUnits(rowBytes: number): number {
  return Math.max(1, Math.ceil(rowBytes / unitBytes.dynamodbWrite));
}

/** Read units of one row, or of a missing one; half for an eventually consistent read. */
export function readUnits(rowBytes: number, { mayLag }: { readonly mayLag: boolean } = { mayLag: false }): number {
  return Math.max(1, Math.ceil(rowBytes / unitBytes.dynamodbRead)) / (mayLag ? 2 : 1);
}

/** @param memoryMb - Memory of the function. */
export function gbSeconds(durationMs: number, memoryMb: number): number {
  return (durationMs / 1_000) * (memoryMb / 1_024);
}
