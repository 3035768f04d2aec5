import type { Entry } from '../../engine-client.ts';
import { useAnswer } from '../../queries.ts';
import { Chart } from '../../ui/chart.tsx';
import { Section } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { useNow } from '../../ui/time.tsx';
import type { StatisticsQuery } from './overview-statistics.ts';

type Hour = Entry<'GET /v1/stats/series'>;

const msPerMinute = 60_000;
const minutesPerHour = 60;

/** Events of an hour, per minute of it. The hour that goes on has fewer minutes. */
function perMinute({ hour, published }: Hour, now: number): number {
  const minutes = Math.min(minutesPerHour, Math.max(1, (now - Date.parse(hour)) / msPerMinute));
  return Math.round((published / minutes) * 100) / 100;
}

/** Events and rejected requests over time. */
export function Traffic({ query }: { readonly query: StatisticsQuery }) {
  const series = useAnswer('GET /v1/stats/series', { query: { ...query } }, { everyMs: 30_000 });
  const now = useNow(msPerMinute);
  const hours = series.data?.data ?? [];
  const times = hours.map(({ hour }) => Date.parse(hour));
  return (
    <>
      <Standing of={series} what="the counts by hour" />
      {series.data === undefined ? null : (
        <div class="columns">
          <Section title="Events">
            <Chart
              title="Events per minute"
              unit="average of each hour"
              times={times}
              series={[{ title: 'Events', values: hours.map((hour) => perMinute(hour, now)), color: '--line-1' }]}
            />
          </Section>
          <Section title="Requests of providers">
            <Chart
              title="Refused and unreadable requests"
              unit="in each hour"
              times={times}
              series={[
                { title: 'Rejected', values: hours.map(({ rejected }) => rejected), color: '--line-2' },
                { title: 'Dead-lettered', values: hours.map(({ dead_lettered: dead }) => dead), color: '--line-1' },
              ]}
            />
          </Section>
        </div>
      )}
      {series.data?.is_complete === false ? (
        <p class="quiet">There was too much to count: older hours are left out.</p>
      ) : null}
    </>
  );
}
