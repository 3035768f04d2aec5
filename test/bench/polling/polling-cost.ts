import { itemBytes, type Row } from '../../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { environmentKeys } from '../../../lambdas/contracts/environment.ts';
import { idleAssumptions } from '../aws-prices.ts';
import { type CostLine, totalUsd, writeUnits } from '../cost-model.ts';
import { type Figure, figure } from '../section.ts';
import { type PollRequests, type PollWay, startPollWay } from '../stages/poll-way.ts';
import { fitsUnit, pollCostPerMillion, requestCount, withoutIdle } from './poll-cost-model.ts';

/** Records of the provider, of which a page holds 100. */
const records = 2_000;
const minuteMs = 60_000;
const dayMs = 86_400_000;
const million = 1_000_000;

/** CPU of the engine's own code, in milliseconds, as measured without emulators. */
export interface PollCpu {
  readonly quietRunMs: number;
  readonly perRecordMs: number;
}

/** What polls cost on AWS: requests counted at the deployed bundles' SDK, priced by the model. */
export async function pollingCost(cpu: PollCpu): Promise<readonly Figure[]> {
  const way = await startPollWay(records);
  try {
    // Caches are filled, and what the first run left is behind.
    await way.pass(minuteMs);
    const woken = await way.pass(minuteMs);
    // After a day, an unchanged record needs no look at its last event.
    await way.pass(dayMs);
    const full = await way.full();
    await way.pause();
    const idle = await way.pass(minuteMs);
    const quiet = withoutIdle(woken, idle);
    const unitsPerPublished = await unitsOfRecord(way);
    const ofRecords = { providerCalls: calls(way.first), cpuMs: records * cpu.perRecordMs, unitsPerPublished };
    const fresh = { ...ofRecords, compared: records, published: records };
    const nothing = { compared: 0, published: 0, unitsPerPublished: 0 };
    const quietLines = pollCostPerMillion(quiet, { ...nothing, providerCalls: 1, cpuMs: cpu.quietRunMs }, 1);
    return [
      figure('a quiet run: AWS requests', requestCount(quiet), 'requests', inWords(quiet)),
      ...[1, 5].map((minutes) => {
        const runs = idleAssumptions.secondsPerMonth / 60 / minutes;
        const usd = (totalUsd(quietLines) * runs) / million;
        return figure(`a quiet sync every ${minutes}m: a month`, usd, 'USD', largest(quietLines, runs / million));
      }),
      ofMillion('a million polled records, all new', pollCostPerMillion(way.first, fresh, records), way.first),
      ofMillion(
        'a million polled records, all unchanged',
        pollCostPerMillion(full, { ...ofRecords, compared: records, published: 0 }, records),
        full,
      ),
    ];
  } finally {
    await way.stop();
  }
}

/** Each call of the provider takes from its budgets, and gives back. */
function calls({ counts }: PollRequests): number {
  return Math.ceil((counts['dynamodb:PutItem limits'] ?? 0) / 2);
}

/** Write units of the state of a record, its event, and the row that finds the event by its id. */
async function unitsOfRecord(way: PollWay): Promise<number> {
  const read = async (key: string) => (await way.rows(key)).map((row: Row) => itemBytes(row));
  const [syncs, limits] = [await read(environmentKeys.syncsTable), await read(environmentKeys.limitsTable)];
  if (!fitsUnit([...syncs, ...limits])) throw new Error('a row of a sync or a budget takes more than one write unit');
  const units = async (key: string) => (await read(key)).reduce((sum, bytes) => sum + writeUnits(bytes), 0) / records;
  return (
    (await units(environmentKeys.recordsTable)) +
    (await units(environmentKeys.eventsTable)) +
    (await units(environmentKeys.idempotencyTable))
  );
}

function ofMillion(name: string, lines: readonly CostLine[], requests: PollRequests): Figure {
  const perPage = (requestCount(requests) / records) * 100;
  return figure(name, totalUsd(lines), 'USD', `${perPage.toFixed(0)} AWS requests for 100 records; ${largest(lines)}`);
}

/** The three largest lines. @param share - Of a million. */
function largest(lines: readonly CostLine[], share = 1): string {
  const most = lines.toSorted((one, other) => other.usd - one.usd).slice(0, 3);
  return `of it ${most.map(({ name, usd }) => `${name} ${(usd * share).toFixed(2)}`).join(', ')}`;
}

/** Requests by service. */
function inWords({ counts }: PollRequests): string {
  const services = new Map<string, number>();
  for (const [name, count] of Object.entries(counts)) {
    const [service = ''] = name.split(':', 1);
    services.set(service, (services.get(service) ?? 0) + count);
  }
  return [...services]
    .map(([service, count]) => `${service} ${count}`)
    .sort()
    .join(', ');
}
