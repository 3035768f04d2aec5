import { expect, test } from 'vitest';
import {
  costPerMillion,
  gbSeconds,
  noUsage,
  readUnits,
  totalUsd,
  type Usage,
  writeUnits,
} from '../../bench/cost-model.ts';

/** The list price of a million events that each use one unit. */
test.each<[Partial<Usage>, string, number]>([
  [{ apiRequests: 1 }, 'API Gateway', 1],
  [{ lambdaRequests: 1 }, 'Lambda, requests', 0.2],
  [{ lambdaGbSeconds: 0.01 }, 'Lambda, GB-seconds', 0.133_334],
  [{ sqsRequests: 1 }, 'SQS', 0.4],
  [{ fairQueueRequests: 1 }, 'SQS, fair-queue surcharge', 0.1],
  [{ writeUnits: 1 }, 'DynamoDB, writes', 0.625],
  [{ readUnits: 1 }, 'DynamoDB, reads', 0.125],
  [{ s3Puts: 1, s3Gets: 1 }, 'S3', 5.4],
  [{ logBytes: 1_000 }, 'CloudWatch Logs', 0.5],
  [{ infrequentLogBytes: 1_000 }, 'CloudWatch Logs', 0.25],
])('%j per event, for a million events, is the line "%s" of %d USD and no other', (used, name, usd) => {
  const lines = costPerMillion({ ...noUsage, ...used }, 1);
  expect(lines.find((line) => line.name === name)?.usd).toBeCloseTo(usd, 6);
  expect(totalUsd(lines)).toBeCloseTo(usd, 6);
});

test('the cost of a million does not depend on how many events were measured', () => {
  const one: Usage = { ...noUsage, apiRequests: 1, sqsRequests: 3, writeUnits: 5, logBytes: 900 };
  const ten: Usage = { ...noUsage, apiRequests: 10, sqsRequests: 30, writeUnits: 50, logBytes: 9_000 };
  expect(totalUsd(costPerMillion(ten, 10))).toBeCloseTo(totalUsd(costPerMillion(one, 1)), 9);
});

test.each([
  [0, 1, 1],
  [1, 1, 1],
  [1_024, 1, 1],
  [1_025, 2, 1],
  [4_096, 4, 1],
  [4_097, 5, 2],
])('a row of %d bytes costs %d write units and %d read units, rounded up', (bytes, writes, reads) => {
  expect(writeUnits(bytes)).toBe(writes);
  expect(readUnits(bytes)).toBe(reads);
  expect(readUnits(bytes, { mayLag: true })).toBe(reads / 2);
});

test('half a second at 2 GB is one GB-second', () => {
  expect(gbSeconds(500, 2_048)).toBe(1);
});
