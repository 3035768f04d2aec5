import type { CanonicalEvent } from '../event/canonical-event.ts';
import { judgeEvent, type Transformed, transformEvent, type Verdict } from '../expression/run-expression.ts';
import { noResources } from '../mapping/check-resource.ts';
import { lookupContexts } from '../mapping/lookup-context.ts';
import {
  type MappingInput,
  type MappingResult,
  mapRequest,
  type NamedMappingContext,
  prepareMapping,
} from '../mapping/map-request.ts';
import { type MappedDown, mapDown } from '../schema-versions/map-down.ts';

/**
 * What evaluates JSONata that strangers wrote, or that runs over what strangers sent. Arguments and results are JSON:
 * they cross to a process of its own and back (`ports/expressions.ts`).
 */
export interface Programs {
  /** A subscription's filter. */
  readonly judge: (argument: { readonly filter: string; readonly event: CanonicalEvent }) => Promise<Verdict>;
  /** A subscription's transform, over the reduced event. */
  readonly transform: (argument: {
    readonly transform: string;
    readonly event: CanonicalEvent;
  }) => Promise<Transformed>;
  /** Data of a record, in the major version before. */
  readonly mapDown: (argument: { readonly down: string; readonly data: CanonicalEvent['data'] }) => Promise<MappedDown>;
  /** The values by which a request names its account; null where the expression failed. */
  readonly lookUp: (argument: {
    readonly expression: string;
    readonly input: MappingInput;
  }) => Promise<readonly string[] | null>;
  /** An integration's mapping over one request. Its events do not say the version of their resource. */
  readonly map: (argument: {
    readonly mapping: string;
    readonly input: MappingInput;
    readonly context: NamedMappingContext;
  }) => Promise<MappingResult>;
}

export type ProgramName = keyof Programs;
export type ArgumentOf<Name extends ProgramName> = Parameters<Programs[Name]>[0];
export type ResultOf<Name extends ProgramName> = Awaited<ReturnType<Programs[Name]>>;

/** How long JSONata may take by the wall clock; undefined for its usual bound. */
export function createPrograms(timeoutMs?: number): Programs {
  return {
    judge: ({ filter, event }) => judgeEvent(filter, event, timeoutMs),
    transform: ({ transform, event }) => transformEvent(transform, event, timeoutMs),
    mapDown: ({ down, data }) => mapDown(down, data, timeoutMs),
    lookUp: async ({ expression, input }) => (await lookupContexts(expression, input, timeoutMs)) ?? null,
    map: ({ mapping, input, context }) => mapRequest(prepareMapping(mapping, noResources, timeoutMs), input, context),
  };
}
