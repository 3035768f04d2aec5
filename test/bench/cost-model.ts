import { awsPrices, unitBytes } from './aws-prices.ts';

/** What a number of events used of AWS. */
export interface Usage {
  readonly apiRequests: number;
  readonly lambdaRequests: number;
  readonly lambdaGbSeconds: number;
  readonly sqsRequests: number;
  /** Those of them that concern messages with a `MessageGroupId`. */
  readonly fairQueueRequests: number;
  readonly readUnits: number;
  readonly writeUnits: number;
  readonly s3Puts: number;
  readonly s3Gets: number;
  readonly logBytes: number;
  /** Of the class Infrequent Access. */
  readonly infrequentLogBytes: number;
}

export interface CostLine {
  readonly name: string;
  /** USD for a million events. */
  readonly usd: number;
}

const million = 1_000_000;
const bytesPerGb = 1_000_000_000;

/** What a million events cost, by line, if each used what those did. */
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

/** Read units of one row, or of one that is not there: half of them where it may lag. */
export function readUnits(rowBytes: number, { mayLag }: { readonly mayLag: boolean } = { mayLag: false }): number {
  return Math.max(1, Math.ceil(rowBytes / unitBytes.dynamodbRead)) / (mayLag ? 2 : 1);
}

/** @param memoryMb - Of the function. */
export function gbSeconds(durationMs: number, memoryMb: number): number {
  return (durationMs / 1_000) * (memoryMb / 1_024);
}
