import { describe, expect, test } from 'vitest';
import { countChanged, countQuietRuns } from '../../bench/polling/counted-polls.ts';
import { detectionLatencies } from '../../bench/polling/detection-latency.ts';
import { pollCostPerMillion, pollUsage, requestCount, withoutIdle } from '../../bench/polling/poll-cost-model.ts';
import { changedFigures, latencyFigures, quietFigures } from '../../bench/polling.ts';
import { toMarkdown } from '../../bench/report.ts';
import type { Figure } from '../../bench/section.ts';
import type { PollRequests } from '../../bench/stages/poll-way.ts';

const valuesOf = (figures: readonly Figure[]) => Object.fromEntries(figures.map(({ name, value }) => [name, value]));

describe('the section on polling', () => {
  test('has the calls, the writes and the events of a run that finds nothing', async () => {
    const figures = quietFigures(await countQuietRuns(3));
    expect(valuesOf(figures)).toEqual({
      'a quiet run: calls for each resource': 1,
      'a quiet run: writes of records': 0,
      'a quiet run: events': 0,
    });
    expect(figures[0]).toMatchObject({ budget: 1, met: true });
  });

  test('compares the fetch of what changed with that of everything', async () => {
    const figures = changedFigures(await countChanged(1_000, 5));
    expect(valuesOf(figures)).toMatchObject({
      '5 changed of 1,000 records: calls': 1,
      // The last row of the first run is at the time from which the second one reads.
      '5 changed of 1,000 records: records fetched': 6,
      '5 changed of 1,000 records: calls of a complete fetch': 11,
    });
  });

  test('has the median and the last hundredth of the latency, within the interval of the sync', async () => {
    const [median, last] = latencyFigures(await detectionLatencies(50, 10));
    expect(median).toMatchObject({ unit: 's', note: expect.stringContaining('50 changes') });
    expect(median?.value).toBeGreaterThan(10);
    expect(last?.value).toBeLessThan(62);
  });

  test('says in BENCHMARKS.md what its figures mean', () => {
    const machine = {
      date: '2026-11-29T12:00:00Z',
      cpu: 'a processor',
      cores: 2,
      memoryGb: 8,
      node: '24',
      loadAverage: 1,
    };
    const figures = [{ name: 'a figure', value: 1, unit: 'calls' }];
    expect(toMarkdown(machine, [{ section: 'Polling', about: ['What it means.'], figures }])).toContain(
      '## Polling\n\nWhat it means.\n\n| figure |',
    );
  });
});

describe('the cost of a poll', () => {
  const woken: PollRequests = {
    counts: {
      'dynamodb:Query syncs': 16,
      'dynamodb:BatchGetItem syncs': 3,
      'dynamodb:BatchGetItem records+subscriptions': 2,
      'dynamodb:PutItem syncs': 4,
      'dynamodb:PutItem limits': 2,
      'sqs:SendMessageBatch polls': 1,
      's3:PutObject payloads': 1,
      'kms:Decrypt': 1,
    },
    ofPoll: 10,
    invocations: 1,
  };
  const idle: PollRequests = { counts: { 'dynamodb:Query syncs': 16 }, ofPoll: 0, invocations: 0 };
  const work = { compared: 100, published: 10, unitsPerPublished: 3, providerCalls: 1, cpuMs: 2 };

  test('leaves out what dispatch does when nothing is due', () => {
    expect(withoutIdle(woken, idle).counts).not.toHaveProperty('dynamodb:Query syncs');
    expect(requestCount(withoutIdle(woken, idle))).toBe(14);
  });

  test('counts a write of a sync with its index, and a record with its event', () => {
    expect(pollUsage(withoutIdle(woken, idle), work)).toMatchObject({
      writeUnits: 4 * 3 + 2 + 10 * 3,
      readUnits: 3 + 100,
      sqsRequests: 1,
      s3Puts: 1,
      lambdaRequests: 1,
    });
  });

  test('has a line for KMS', () => {
    expect(pollCostPerMillion(woken, work, 1)).toContainEqual({ name: 'KMS', usd: 3 });
  });
});
