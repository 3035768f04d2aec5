import { type Operation, operationalEvent } from '../../engine/event/operational-event.ts';
import type { SyncNews } from '../../engine/sync/sync-state.ts';
import { traceOfRun } from '../../engine/trace/trace-ids.ts';
import type { SyncRow } from '../../ports/sync/sync-store.ts';
import type { FactPorts } from '../publish/publication.ts';
import { publishFacts } from '../publish/publish-events.ts';
import type { SyncHold } from './hold-sync.ts';

const types = { failing: 'sync.failing', recovered: 'sync.recovered', drift: 'sync.drift' } as const;

/**
 * Tell the tenant what its sync has to say. Told again after a crash, it is the same event.
 *
 * @returns What was told.
 */
export async function tellNews(ports: FactPorts, hold: SyncHold): Promise<readonly SyncNews['kind'][]> {
  const { news = [] } = hold.row.state;
  if (news.length === 0) return [];
  const publications = await publishFacts(
    ports,
    news.map((one) => {
      const operation = operationalEvent(operationOf(hold.row, one, ports.clock.nowMs()));
      const event = { ...operation, correlation_id: traceOfRun(one.id) };
      return { event, owner: event.id };
    }),
  );
  const failure = publications.find(({ kind }) => kind === 'failed');
  if (failure?.kind === 'failed') throw failure.error;
  const told = new Set(news.map(({ kind, id }) => `${kind} ${id}`));
  await hold.update(({ news: all = [], ...state }) => {
    const left = all.filter(({ kind, id }) => !told.has(`${kind} ${id}`));
    return { ...state, ...(left.length === 0 ? {} : { news: left }) };
  });
  return news.map(({ kind }) => kind);
}

function operationOf(
  { tenant, account, sync, integration, state }: SyncRow,
  { kind, id, reason }: SyncNews,
  nowMs: number,
): Operation {
  const run = state.lastRun;
  return {
    type: types[kind],
    tenant,
    about: 'syncs',
    id: sync,
    occurrence: `${account} ${id}`,
    at: new Date(nowMs).toISOString(),
    data: {
      tenant,
      account_id: account,
      integration,
      sync_id: sync,
      run_id: id,
      ...(kind === 'failing' ? { reason, failing_since: iso(state.failingSinceMs ?? nowMs) } : {}),
      ...(kind === 'drift' ? { drift: JSON.parse(reason) as unknown } : {}),
      ...(kind === 'recovered' && run !== undefined ? { recovered_at: run.endedAt } : {}),
    },
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
