import { traceOfEvent, traceOfId } from '../../engine/trace/trace-ids.ts';
import type { EventReader } from '../../ports/events/event-store.ts';

/** The traces of the events that one invocation works on, for its log lines. */
export interface KnownTraces {
  /** Note the trace that a message names. */
  note(event: string, traceId: string | undefined): void;
  /** The trace of an event, as its row or its message tells it. */
  of(event: string): string;
}

/** Learn the traces of events from the rows that an invocation reads anyway. */
export function learnTraces<Events extends Pick<EventReader, 'getMany'> & Partial<EventReader>>(
  events: Events,
): { readonly traces: KnownTraces; readonly events: Events } {
  const known = new Map<string, string>();
  const { listAfter } = events;
  return {
    traces: {
      note(event, traceId) {
        if (traceId !== undefined) known.set(event, traceId);
      },
      of: (event) => known.get(event) ?? traceOfId(event),
    },
    events: {
      ...events,
      async getMany(keys: Parameters<Events['getMany']>[0], mayLag?: boolean) {
        const rows = await events.getMany(keys, mayLag);
        for (const row of rows) known.set(row.id, traceOfEvent(row));
        return rows;
      },
      ...(listAfter === undefined
        ? {}
        : {
            async listAfter(...asked: Parameters<EventReader['listAfter']>) {
              const rows = await listAfter(...asked);
              for (const row of rows) if (!('sealed' in row)) known.set(row.id, traceOfEvent(row));
              return rows;
            },
          }),
    },
  };
}
