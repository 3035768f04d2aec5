import { createEnrichmentLoad } from '../fakes/enrichment-load.ts';
import { deskWith } from '../flow/provider/desk.ts';
import { budgets } from './budgets.ts';
import { figure, type Section, withinBudget } from './section.ts';

const events = 10_000;
const callsPerMinute = 100;
const minuteMs = 60_000;

/** How often a provider is called for thin events: 20 workers in virtual time, 100 calls a minute. */
export const providerCalls: Section = {
  key: 'provider',
  name: `Calls of a provider for ${events.toLocaleString('en-US')} thin events, at most ${callsPerMinute} a minute`,
  async run() {
    const batched = await callsFor(ids(events), 100);
    const burst = await callsFor(
      Array.from({ length: events }, (_, place) => String(place % 100)),
      1,
    );
    return [
      withinBudget(
        figure('of as many records, 100 in a call', batched.calls, 'calls', `${batched.minutes} minutes`),
        budgets.callsForThinEvents,
      ),
      figure('of 100 records, one in a call', burst.calls, 'calls', `${burst.minutes} minutes`),
      figure('refused by the provider (429)', batched.refused + burst.refused, 'calls'),
    ];
  },
};

async function callsFor(records: readonly string[], batch: number) {
  const definition = deskWith({
    api: { limits: [{ name: 'minute', calls: callsPerMinute, per: '1m' }] },
    tickets: {
      batch_get:
        batch === 1
          ? undefined
          : { path: '/tickets', query: { ids: "{ids | join(',')}" }, records: 'tickets', max: batch },
    },
  });
  const {
    seen,
    clock,
    ask,
    workOff,
    events: published,
  } = await createEnrichmentLoad(definition, {
    perMinute: callsPerMinute,
  });
  const startedAtMs = clock.nowMs();
  for (let sent = 0; sent < records.length; sent += 100) await ask(records.slice(sent, sent + 100));
  await workOff(20);
  const arrived = new Set((await published()).map(({ record_id: id }) => id)).size;
  if (arrived !== new Set(records).size) throw new Error(`${arrived} records arrived`);
  return {
    calls: seen.arrivals.length,
    refused: seen.refused,
    minutes: ((clock.nowMs() - startedAtMs) / minuteMs).toFixed(1),
  };
}

const ids = (count: number) => Array.from({ length: count }, (_, id) => String(id));
