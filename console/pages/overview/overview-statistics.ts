import { hashKey } from '@tanstack/query-core';
import { useEffect, useState } from 'preact/hooks';
import { type Answer, call } from '../../engine-client.ts';
import { type Asked, queries, useAnswer } from '../../queries.ts';

export type Statistics = Answer<'GET /v1/stats'>;
export type SubscriptionStatistics = Statistics['subscriptions'][number];
export type IntegrationStatistics = Statistics['integrations'][number];

/** The most that the API gives at once: each subscription reads up to a thousand deliveries. */
const pageSize = 50;
const mostPages = 10;
/** The rest of a long list is read less often than its first page. */
const restMs = 5 * 60_000;

export interface StatisticsQuery {
  readonly tenant: string | undefined;
  readonly since: string | undefined;
}

interface Rest {
  readonly subscriptions: readonly SubscriptionStatistics[];
  readonly isComplete: boolean;
}

const nothing: Rest = { subscriptions: [], isComplete: true };

async function readRest(query: StatisticsQuery, first: string): Promise<Rest> {
  const subscriptions: SubscriptionStatistics[] = [];
  let cursor: string | null = first;
  for (let page = 1; page < mostPages && cursor !== null; page += 1) {
    const answer: Statistics = await call('GET /v1/stats', { query: { ...query, limit: pageSize, cursor } });
    subscriptions.push(...answer.subscriptions);
    cursor = answer.next_cursor;
  }
  return { subscriptions, isComplete: cursor === null };
}

/** Statistics of all subscriptions and integrations. */
export interface AllStatistics extends Asked<Statistics> {
  readonly subscriptions: readonly SubscriptionStatistics[];
  /** False if there are too many subscriptions to read all. */
  readonly isComplete: boolean;
}

/** Ask for the statistics of a stretch of time, again every half minute. */
export function useStatistics(query: StatisticsQuery): AllStatistics {
  const first = useAnswer('GET /v1/stats', { query: { ...query, limit: pageSize } }, { everyMs: 30_000 });
  const [rest, setRest] = useState(nothing);
  const next = first.data?.next_cursor ?? null;
  const hasMore = next !== null;
  useEffect(() => {
    setRest(nothing);
    if (next === null) return undefined;
    let isGone = false;
    const read = async () => {
      const queryKey = ['GET /v1/stats', query, 'rest'];
      try {
        const found = await queries.fetchQuery({ queryKey, queryFn: () => readRest(query, next), staleTime: restMs });
        if (!isGone) setRest(found);
      } catch {
        if (!isGone) setRest({ ...nothing, isComplete: false });
      }
    };
    void read();
    const timer = setInterval(() => void read(), restMs);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, [hashKey([query]), hasMore]);
  return {
    ...first,
    subscriptions: [...(first.data?.subscriptions ?? []), ...rest.subscriptions],
    isComplete: rest.isComplete,
  };
}
