import fc from 'fast-check';
import type { CanonicalEvent } from '../../../../lambdas/engine/event/canonical-event.ts';
import { transformEvent } from '../../../../lambdas/engine/expression/run-expression.ts';
import { prepareShaping, shapeEvents } from '../../../../lambdas/engine/shaping/shape-event.ts';
import { shapingSchema } from '../../../../lambdas/engine/shaping/shaping-schema.ts';
import { event } from './any-event.ts';

export const prepare = (options: Record<string, unknown>) => prepareShaping(shapingSchema.parse(options));
/** Shape the events, or the example event, with a subscription's options. */
export const shape = (options: Record<string, unknown>, ...events: CanonicalEvent[]) =>
  shapeEvents(prepare(options), events.length === 0 ? [event] : events, transformEvent);

/** Like {@link shape}, with the parsed body; throws if shaping fails. */
export async function sentBy(...call: Parameters<typeof shape>) {
  const shaped = await shape(...call);
  if (shaped.kind === 'failed') throw new Error(shaped.failures[0]?.reason);
  return { ...shaped, json: JSON.parse(shaped.body) };
}

export const batch = { max_events: 100, max_wait_seconds: 5 };

/** The possible forms of a callback. */
export const forms = fc.record(
  {
    envelope: fc.constantFrom('tributary', 'cloudevents'),
    batch: fc.constant(batch),
    transform: fc.constantFrom('$', 'data', '{ "text": $string(data) }', '[$, data.**]'),
  },
  { requiredKeys: [] },
);
