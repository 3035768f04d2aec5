import type { UnsequencedEvent } from '../event/canonical-event.ts';
import { jsonDifference } from './json-difference.ts';

/** How one event of a candidate differs from that of the current definition. */
export interface EventDifference {
  /** `only-…`: the other definition makes no such event. */
  readonly kind: 'changed' | 'only-current' | 'only-candidate';
  readonly resource: string;
  readonly record_id: string;
  readonly differences: readonly MemberDifference[];
  /** Differences beyond those that are listed. */
  readonly more: number;
}

export interface MemberDifference {
  /** For example `data.emails.0`. */
  readonly path: string;
  /** Absent where the current definition gives no value; a long value is text that ends with `…`. */
  readonly current?: unknown;
  readonly candidate?: unknown;
}

/** What two definitions make of one input. */
export interface MappingComparison {
  readonly events: readonly EventDifference[];
  /** Events beyond those that are listed. */
  readonly more: number;
}

/** Bounds of one comparison: it is shown to people, and kept in one row. */
const maxEvents = 10;
const maxMembers = 20;
const maxValueCharacters = 300;
const maxPathCharacters = 200;

/** Members that follow from the input, from the account or from other members. */
const derived: ReadonlySet<string> = new Set(['id', 'tenant', 'account', 'integration', 'timestamp', 'origin']);

/** Compare the events of two definitions, record by record. @returns No event where they agree. */
export function compareMappings(
  current: readonly UnsequencedEvent[],
  candidate: readonly UnsequencedEvent[],
): MappingComparison {
  const [before, after] = [byPlace(current), byPlace(candidate)];
  const places = [...new Set([...before.keys(), ...after.keys()])];
  const events = places.flatMap((place) => compareEvent(before.get(place), after.get(place)) ?? []);
  return { events: events.slice(0, maxEvents), more: Math.max(0, events.length - maxEvents) };
}

/** Events by their records; a record may have several. */
function byPlace(events: readonly UnsequencedEvent[]): ReadonlyMap<string, UnsequencedEvent> {
  const counts = new Map<string, number>();
  return new Map(
    events.map((event) => {
      const record = JSON.stringify([event.resource, event.record_id]);
      const count = counts.get(record) ?? 0;
      counts.set(record, count + 1);
      return [`${record} ${count}`, event];
    }),
  );
}

function compareEvent(
  current: UnsequencedEvent | undefined,
  candidate: UnsequencedEvent | undefined,
): EventDifference | undefined {
  const { resource, record_id } = (current ?? candidate) as UnsequencedEvent;
  const found = jsonDifference(comparable(current), comparable(candidate));
  if (current !== undefined && candidate !== undefined && found.length === 0) return undefined;
  const differences = found.slice(0, maxMembers).map(
    (one): MemberDifference => ({
      path: one.path.join('.').slice(0, maxPathCharacters),
      ...('oldValue' in one ? { current: shorten(one.oldValue) } : {}),
      ...('value' in one ? { candidate: shorten(one.value) } : {}),
    }),
  );
  const kind = current === undefined ? 'only-candidate' : candidate === undefined ? 'only-current' : 'changed';
  return { kind, resource, record_id, differences, more: found.length - differences.length };
}

function comparable(event: UnsequencedEvent | undefined): Record<string, unknown> {
  if (event === undefined) return {};
  const members = Object.entries(event).filter(([name, value]) => !derived.has(name) && value !== undefined);
  return Object.fromEntries(members);
}

function shorten(value: unknown): unknown {
  const text = JSON.stringify(value) ?? 'null';
  return text.length <= maxValueCharacters ? value : `${text.slice(0, maxValueCharacters)}…`;
}
