import type { UnsequencedEvent } from '../../../lambdas/engine/event/canonical-event.ts';
import type { MappingResult } from '../../../lambdas/engine/mapping/map-request.ts';

/** What a mapping returned in the form of `expected/`: its events, then the polls that it asks for. */
export function comparableItems({
  events,
  polls,
}: Pick<Extract<MappingResult, { kind: 'mapped' }>, 'events' | 'polls'>): readonly unknown[] {
  return [...events.map(comparableEvent), ...polls.map(({ poll }) => ({ poll }))];
}

/** An event in the form of `expected/`: as JSON, without members that depend on the account or the clock. */
function comparableEvent(event: UnsequencedEvent): Readonly<Record<string, unknown>> {
  const { type, resource, record_id, raw_event_type, occurred_at, thin, data } = event;
  const members = { type, resource, record_id, raw_event_type, occurred_at, thin, data };
  return JSON.parse(JSON.stringify(members)) as Record<string, unknown>;
}

/** Differences of two JSON values, one line per place; empty if they are equal. */
export function differences(expected: unknown, got: unknown, path = ''): readonly string[] {
  if (isContainer(expected) && isContainer(got) && Array.isArray(expected) === Array.isArray(got)) {
    const names = [...new Set([...Object.keys(expected), ...Object.keys(got)])];
    return names.flatMap((name) => {
      const inner = Array.isArray(expected) ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
      return differences(own(expected, name), own(got, name), inner);
    });
  }
  if (Object.is(expected, got)) return [];
  const place = path === '' ? 'events' : path;
  if (typeof expected === 'string' && typeof got === 'string' && Math.max(expected.length, got.length) > longText)
    return [`${place}: ${differenceInText(expected, got)}`];
  return [`${place}: expected ${written(expected)}, got ${written(got)}`];
}

/** Of a longer text, only the part that differs is shown. */
const longText = 200;
const shownBefore = 20;
const shownAfter = 60;

function differenceInText(expected: string, got: string): string {
  let at = 0;
  while (at < expected.length && expected[at] === got[at]) at += 1;
  const part = (text: string) => JSON.stringify(text.slice(Math.max(0, at - shownBefore), at + shownAfter));
  return `from character ${at + 1}, expected …${part(expected)}…, got …${part(got)}…`;
}

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function own(container: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(container, name) ? container[name] : undefined;
}

function written(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
