import type { statisticsOperations } from '../../../engine/api/operations/statistics-operations.ts';
import { readSeries } from '../../../flows/statistics/read-series.ts';
import { readStatistics } from '../../../flows/statistics/read-statistics.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import type { Handlers } from '../pipeline/api-call.ts';
import { tenantOf } from '../pipeline/principal.ts';
import { statisticsView } from '../views/statistics-view.ts';

const msPerDay = 86_400_000;
/** The statistics table keeps counts this long. */
const maxSpanMs = 35 * msPerDay;

/** @throws {ProblemError} 400 for a window that is empty or too long. */
function windowOf(
  { clock }: Pick<ApiPorts, 'clock'>,
  { since, until }: { readonly since?: number | undefined; readonly until?: number | undefined },
) {
  const untilMs = until ?? clock.nowMs();
  const sinceMs = since ?? untilMs - msPerDay;
  if (sinceMs >= untilMs) throw new ProblemError({ status: 400, detail: 'Expected since before until.' });
  if (untilMs - sinceMs > maxSpanMs)
    throw new ProblemError({ status: 400, detail: 'Expected since and until at most 35 days apart.' });
  return { sinceMs, untilMs };
}

/** Statistics of subscriptions and integrations. */
export function statisticsHandlers(ports: ApiPorts): Handlers<keyof typeof statisticsOperations> {
  return {
    async getStatisticsSeries({ query, principal }) {
      const tenant = tenantOf(principal, query.tenant) ?? undefined;
      const { sinceMs, untilMs } = windowOf(ports, query);
      const { hours, isComplete } = await readSeries(ports, tenant, sinceMs, untilMs);
      const data = hours.map(({ deadLettered, ...hour }) => ({ ...hour, dead_lettered: deadLettered }));
      return { status: 200, body: { data, is_complete: isComplete } };
    },
    async getStatistics({ query, principal, cursors }) {
      const tenant = tenantOf(principal, query.tenant) ?? undefined;
      const { sinceMs, untilMs } = windowOf(ports, query);
      const page = await ports.subscriptions.list(tenant, query.limit, await cursors.after());
      const statistics = await readStatistics(ports, { tenant, subscriptions: page.items, sinceMs, untilMs });
      const view = statisticsView(statistics);
      return {
        status: 200,
        body: {
          ...view,
          integrations: query.cursor === undefined ? view.integrations : [],
          next_cursor: await cursors.next(page.next),
        },
      };
    },
  };
}
